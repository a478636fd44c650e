"""Chat completions from a real model through OpenAI's own client."""

import asyncio
import base64
import io
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

from sidecar.llm.model import MODELS
from tests.acceptance.service import Service, wait_for_engine

if TYPE_CHECKING:
    from openai import OpenAI

MODEL = "smollm2-135m-instruct"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
ENDLESS = {"messages": QUESTION, "model": MODEL, "max_tokens": 100_000}
IGNORE_EOS = {"ignore_eos": True}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
MAX_TOKENS = 256  # the engine.max_tokens setting of the session's service


@pytest.fixture
def openai(engine: Service) -> "Iterator[OpenAI]":
    from openai import OpenAI

    with OpenAI(
        base_url=f"{engine.url}/v1",
        api_key="none",
        default_headers={"x-tenant-id": "acceptance"},
        max_retries=0,
        timeout=60,
    ) as client:
        yield client


@pytest.fixture
def engine_counters(engine: Service) -> Callable[[], dict[str, int]]:
    """A reader of the engine's own counters: generation tokens, running, waiting."""

    def read() -> dict[str, int]:
        ready = httpx.get(f"{engine.url}/health/ready", timeout=10).json()
        counters = re.findall(r"(\d+) ([a-z ]+)", ready["checks"]["engine"]["detail"])
        return {name: int(count) for count, name in counters}

    return read


def chat(openai: "OpenAI", **fields: Any) -> Any:
    return openai.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **fields})


@pytest.mark.usefixtures("engine")
def test_every_user_can_read_the_bundled_model() -> None:
    files = [file for file in MODELS.rglob("*") if file.is_file()]
    assert files
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in files)


def test_a_question_is_answered_and_recorded_without_its_text(
    openai: "OpenAI", client: httpx.Client
) -> None:
    assert MODEL in [model.id for model in openai.models.list()]
    response = chat(openai, max_tokens=20, temperature=0, extra_headers={"x-request-id": "paris"})
    assert "Paris" in response.choices[0].message.content
    assert response.choices[0].finish_reason == "stop"
    assert (
        response.usage.total_tokens
        == response.usage.prompt_tokens + response.usage.completion_tokens
    )
    page = client.get("/api/v1/artifacts", params={"request_id": "paris"}).json()
    [artifact] = page["artifacts"]
    assert artifact["model_id"] == MODEL
    assert (
        artifact["output_payload"]["usage"]["completion_tokens"] == response.usage.completion_tokens
    )
    assert "Paris" not in json.dumps(artifact)


def test_a_stream_delivers_each_token_at_once(openai: "OpenAI") -> None:
    started = time.monotonic()
    stream = chat(
        openai,
        stream=True,
        max_tokens=MAX_TOKENS,
        stream_options={"include_usage": True},
        extra_body=IGNORE_EOS,
    )
    chunks = [next(chunk for chunk in stream if chunk.choices[0].delta.content)]
    first = time.monotonic()
    chunks += stream
    assert first - started < time.monotonic() - first  # buffered chunks would arrive together
    *chunks, last = chunks
    assert len(chunks) > MAX_TOKENS // 2
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.usage.completion_tokens == MAX_TOKENS


def test_a_seed_makes_choices_reproducible(openai: "OpenAI") -> None:
    def two_choices() -> list[str]:
        response = chat(openai, n=2, seed=7, temperature=1.2, max_tokens=12)
        return [choice.message.content for choice in response.choices]

    first = two_choices()
    assert len(first) == 2
    assert two_choices() == first


def test_a_response_ends_before_a_stop_sequence(openai: "OpenAI") -> None:
    response = chat(openai, temperature=0, max_tokens=20, stop=["Paris"])
    assert response.choices[0].message.content == "The capital of France is "
    assert response.choices[0].finish_reason == "stop"


def test_a_json_response_follows_its_schema(openai: "OpenAI") -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", "Rome"]},
            "vowels": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "required": ["city", "vowels"],
        "additionalProperties": False,
    }
    response = chat(
        openai,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
    )
    content = json.loads(response.choices[0].message.content)
    assert content["city"] in ("Paris", "Rome")
    assert 0 <= content["vowels"] <= 9


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
@pytest.mark.parametrize("stream", [False, True])
def test_tool_arguments_follow_the_tools_schema(
    openai: "OpenAI", choice: Any, stream: bool
) -> None:
    response = chat(
        openai, tools=[WEATHER], tool_choice=choice, stream=stream, temperature=1.5, seed=2
    )
    if stream:
        calls = [call for chunk in response for call in chunk.choices[0].delta.tool_calls or ()]
        name = "".join(call.function.name or "" for call in calls)
        arguments = "".join(call.function.arguments or "" for call in calls)
    else:
        [call] = response.choices[0].message.tool_calls
        name, arguments = call.function.name, call.function.arguments
    assert name == "get_weather"
    assert json.loads(arguments)["city"] in ("Paris", "Rome")


def test_the_model_uses_a_tools_result(openai: "OpenAI") -> None:
    call = {
        "id": "call-1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
    }
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call-1", "content": "sunny"},
    ]
    response = chat(
        openai, messages=messages, tools=[WEATHER], tool_choice="auto", max_tokens=40, temperature=0
    )
    assert "sunny" in response.choices[0].message.content


def test_errors_have_openais_format(openai: "OpenAI", engine: Service) -> None:
    from openai import BadRequestError, NotFoundError

    with pytest.raises(BadRequestError, match=r"2048 tokens.*2049"):
        chat(openai, messages=[{"role": "user", "content": "word " * 3000}])
    with pytest.raises(NotFoundError, match="nope"):
        chat(openai, model="nope")
    with pytest.raises(BadRequestError, match="temperature"):
        chat(openai, temperature=9)
    pixels = io.BytesIO()
    Image.new("1", (8, 8)).save(pixels, "png")
    url = f"data:image/png;base64,{base64.b64encode(pixels.getvalue()).decode()}"
    image = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(BadRequestError, match="multimodal"):
        chat(openai, messages=[{"role": "user", "content": image}])
    no_tenant = httpx.post(f"{engine.url}/v1/chat/completions", json=ENDLESS)
    assert (no_tenant.status_code, no_tenant.json()["error"]["code"]) == (400, "missing_tenant")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"type": "string", "pattern": "(("},
        {"$ref": "#/nowhere"},
    ],
)
def test_an_invalid_schema_is_refused_and_breaks_nothing(
    openai: "OpenAI", schema: dict[str, Any]
) -> None:
    from openai import BadRequestError

    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with pytest.raises(BadRequestError):
        chat(openai, response_format=format_, max_tokens=5)
    assert chat(openai, max_tokens=1).usage.completion_tokens == 1


def test_an_endless_response_ends_at_the_limit(openai: "OpenAI") -> None:
    response = chat(openai, max_tokens=100_000, extra_body=IGNORE_EOS)
    assert response.choices[0].finish_reason == "length"
    assert response.usage.completion_tokens == MAX_TOKENS


def test_eight_concurrent_requests_all_succeed(openai: "OpenAI") -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda seed: chat(openai, seed=seed, max_tokens=8, extra_body=IGNORE_EOS), range(8)
            )
        )
    assert [response.usage.completion_tokens for response in answers] == [8] * 8


@pytest.mark.parametrize("stream", [False, True])
async def test_a_disconnect_stops_the_generation(
    engine: Service, engine_counters: Callable[[], dict[str, int]], stream: bool
) -> None:
    async def wait_until(condition: Callable[[dict[str, int]], bool]) -> int:
        deadline = time.monotonic() + 10
        while not condition(counters := await asyncio.to_thread(engine_counters)):
            assert time.monotonic() < deadline, counters
        return counters["generation tokens"]

    before = engine_counters()["generation tokens"]
    body = {**ENDLESS, **IGNORE_EOS, "stream": stream}
    async with httpx.AsyncClient(headers={"x-tenant-id": "acceptance"}, timeout=60) as client:
        request = asyncio.create_task(client.post(f"{engine.url}/v1/chat/completions", json=body))
        await wait_until(lambda counters: counters["generation tokens"] > before)
        assert not request.done()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    generated = await wait_until(lambda counters: not counters["running"]) - before
    assert 0 < generated < MAX_TOKENS
    assert engine_counters()["generation tokens"] - before == generated


def test_no_tenant_shares_anothers_cache_of_prompts_and_erasure_empties_it(
    engine: Service, engine_counters: Callable[[], dict[str, int]]
) -> None:
    secret = "What did the household of Numbat Lane buy on the ninth of May? " * 10

    def cached_tokens(tenant: str) -> int:
        before = engine_counters()["cached prompt tokens"]
        response = httpx.post(
            f"{engine.url}/v1/chat/completions",
            json={"messages": [{"role": "user", "content": secret}], "max_tokens": 8},
            headers={"x-tenant-id": tenant},
            timeout=60,
        )
        assert response.status_code == 200, response.text
        return engine_counters()["cached prompt tokens"] - before

    assert cached_tokens("first-household") == 0
    assert cached_tokens("first-household") > 50
    assert cached_tokens("second-household") == 0
    erased = httpx.delete(f"{engine.url}/api/v1/tenants/first-household/data", timeout=60)
    assert erased.status_code == 200
    assert cached_tokens("first-household") == 0
    assert cached_tokens("second-household") > 50


@pytest.mark.parametrize("killed", ["VLLM::EngineCore", "ServeReplica:engine:Engine"])
def test_an_engine_that_dies_affects_nothing_else_and_is_restarted(
    openai: "OpenAI", client: httpx.Client, engine: Service, killed: str
) -> None:
    from openai import InternalServerError

    [core] = engine.processes("VLLM::EngineCore")
    [victim] = engine.processes(killed)
    victim.send_signal(signal.SIGKILL)
    with pytest.raises(InternalServerError) as caught:
        chat(openai, max_tokens=1)
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) > 0
    assert client.get("/health/live").status_code == 200
    assert client.get("/api/v1/artifacts").status_code == 200
    core.wait(timeout=10)
    wait_for_engine(engine)
    engine.wait_for_processes("VLLM::EngineCore", 1, within_s=10)
    assert chat(openai, max_tokens=1).usage.completion_tokens == 1


STALLING_SCHEMAS = (
    {"type": "string", "pattern": "^((a{1,50}){1,50}){1,50}$"},
    {"type": "string", "pattern": "^([a-z]{1,40}){1,40}$"},
    {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(1_500)}},
    {
        "type": "object",
        "properties": {f"p{n}": {"type": "string", "maxLength": 300 + n} for n in range(50)},
        "required": [f"p{n}" for n in range(50)],
    },
    {
        "type": "object",
        "properties": {f"p{n}": {"type": "string"} for n in range(1_500)},
        "patternProperties": {"^b": {"type": "integer"}},
    },
)


def test_schemas_that_would_stall_the_engine_are_refused_while_others_are_answered(
    openai: "OpenAI",
) -> None:
    """Each would occupy the engine for 10 s to minutes, in which no other completion proceeds."""
    from openai import BadRequestError

    def attack(schema: dict[str, Any]) -> str:
        format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        with pytest.raises(BadRequestError) as refusal:
            chat(openai, response_format=format_, max_tokens=5)
        return str(refusal.value)

    def attack_by_tool(schema: dict[str, Any]) -> str:
        function = {"name": "f", "parameters": {"type": "object", "properties": {"a": schema}}}
        with pytest.raises(BadRequestError) as refusal:
            chat(openai, tools=[{"type": "function", "function": function}], max_tokens=5)
        return str(refusal.value)

    with ThreadPoolExecutor(4) as attackers:
        refusals = [attackers.submit(attack, schema) for schema in STALLING_SCHEMAS]
        refusals.append(attackers.submit(attack_by_tool, STALLING_SCHEMAS[0]))
        slowest = 0.0
        while not all(refusal.done() for refusal in refusals):
            started = time.monotonic()
            assert chat(openai, max_tokens=1).usage.completion_tokens == 1
            slowest = max(slowest, time.monotonic() - started)
        sentences = [refusal.result() for refusal in refusals]
    assert slowest < 5
    assert all("schema" in sentence.lower() for sentence in sentences), sentences
    assert sum("too complex" in sentence for sentence in sentences) >= 2
