"""Chat with a real model through OpenAI's own client."""

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
MOST_TOKENS = 256  # as the service of these tests is set


@pytest.fixture
def ai(engine: Service) -> "Iterator[OpenAI]":
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
def figures(engine: Service) -> Callable[[], dict[str, int]]:
    """The engine's own counters: generation tokens, running, waiting."""

    def read() -> dict[str, int]:
        ready = httpx.get(f"{engine.url}/health/ready", timeout=10).json()
        found = re.findall(r"(\d+) ([a-z ]+)", ready["checks"]["engine"]["detail"])
        return {name: int(count) for count, name in found}

    return read


def chat(ai: "OpenAI", **fields: Any) -> Any:
    return ai.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **fields})


@pytest.mark.usefixtures("engine")
def test_the_bundled_model_is_readable_for_whoever_runs_the_service() -> None:
    files = [file for file in MODELS.rglob("*") if file.is_file()]
    assert files
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in files)


def test_a_question_is_answered_and_counted(ai: "OpenAI", client: httpx.Client) -> None:
    assert [model.id for model in ai.models.list()] == [MODEL]
    answer = chat(ai, max_tokens=20, temperature=0, extra_headers={"x-request-id": "paris"})
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    page = client.get("/api/v1/artifacts", params={"request_id": "paris"}).json()
    [artifact] = page["artifacts"]
    assert artifact["model_id"] == MODEL
    assert (
        artifact["output_payload"]["usage"]["completion_tokens"] == answer.usage.completion_tokens
    )
    assert "Paris" not in json.dumps(artifact)


def test_a_stream_brings_each_token_when_it_is_there(ai: "OpenAI") -> None:
    asked = time.monotonic()
    stream = chat(
        ai,
        stream=True,
        max_tokens=MOST_TOKENS,
        stream_options={"include_usage": True},
        extra_body=IGNORE_EOS,
    )
    pieces = [next(piece for piece in stream if piece.choices[0].delta.content)]
    first = time.monotonic()
    pieces += stream
    assert first - asked < time.monotonic() - first  # held back, all would come with the last
    *chunks, last = pieces
    assert len(chunks) > MOST_TOKENS // 2
    assert chunks[-1].choices[0].finish_reason == "length"
    assert last.usage.completion_tokens == MOST_TOKENS


def test_a_seed_gives_the_same_again_and_n_gives_several(ai: "OpenAI") -> None:
    def two() -> list[str]:
        answer = chat(ai, n=2, seed=7, temperature=1.2, max_tokens=12)
        return [choice.message.content for choice in answer.choices]

    first = two()
    assert len(first) == 2
    assert two() == first


def test_a_stop_ends_the_answer_before_it(ai: "OpenAI") -> None:
    answer = chat(ai, temperature=0, max_tokens=20, stop=["Paris"])
    assert answer.choices[0].message.content == "The capital of France is "
    assert answer.choices[0].finish_reason == "stop"


def test_json_follows_its_schema(ai: "OpenAI") -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", "Rome"]},
            "vowels": {"type": "integer", "minimum": 0, "maximum": 9},
        },
        "required": ["city", "vowels"],
        "additionalProperties": False,
    }
    answer = chat(
        ai,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
    )
    told = json.loads(answer.choices[0].message.content)
    assert told["city"] in ("Paris", "Rome")
    assert 0 <= told["vowels"] <= 9


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_with_arguments_that_follow_its_schema(
    ai: "OpenAI", choice: Any, stream: bool
) -> None:
    answer = chat(ai, tools=[WEATHER], tool_choice=choice, stream=stream, temperature=1.5, seed=2)
    if stream:
        calls = [c for piece in answer for c in piece.choices[0].delta.tool_calls or ()]
        name = "".join(call.function.name or "" for call in calls)
        arguments = "".join(call.function.arguments or "" for call in calls)
    else:
        [call] = answer.choices[0].message.tool_calls
        name, arguments = call.function.name, call.function.arguments
    assert name == "get_weather"
    assert json.loads(arguments)["city"] in ("Paris", "Rome")


def test_the_model_may_choose_and_reads_what_a_tool_said(ai: "OpenAI") -> None:
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
    answer = chat(
        ai, messages=messages, tools=[WEATHER], tool_choice="auto", max_tokens=40, temperature=0
    )
    assert "sunny" in answer.choices[0].message.content


def test_errors_are_openais(ai: "OpenAI", engine: Service) -> None:
    from openai import BadRequestError, NotFoundError

    with pytest.raises(BadRequestError, match=r"2048 tokens.*2049"):
        chat(ai, messages=[{"role": "user", "content": "word " * 3000}])
    with pytest.raises(NotFoundError, match="nope"):
        chat(ai, model="nope")
    with pytest.raises(BadRequestError, match="temperature"):
        chat(ai, temperature=9)
    pixels = io.BytesIO()
    Image.new("1", (8, 8)).save(pixels, "png")
    url = f"data:image/png;base64,{base64.b64encode(pixels.getvalue()).decode()}"
    image = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(BadRequestError, match="multimodal"):
        chat(ai, messages=[{"role": "user", "content": image}])
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
def test_a_schema_that_is_none_hurts_nobody(ai: "OpenAI", schema: dict[str, Any]) -> None:
    from openai import BadRequestError

    format_ = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with pytest.raises(BadRequestError):
        chat(ai, response_format=format_, max_tokens=5)
    assert chat(ai, max_tokens=1).usage.completion_tokens == 1


def test_a_runaway_answer_ends_at_the_limit(ai: "OpenAI") -> None:
    answer = chat(ai, max_tokens=100_000, extra_body=IGNORE_EOS)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == MOST_TOKENS


def test_eight_at_once_are_all_answered(ai: "OpenAI") -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda seed: chat(ai, seed=seed, max_tokens=8, extra_body=IGNORE_EOS), range(8)
            )
        )
    assert [answer.usage.completion_tokens for answer in answers] == [8] * 8


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_stops_the_generation(
    engine: Service, figures: Callable[[], dict[str, int]], stream: bool
) -> None:
    async def until(reached: Callable[[dict[str, int]], bool]) -> int:
        deadline = time.monotonic() + 10
        while not reached(now := await asyncio.to_thread(figures)):
            assert time.monotonic() < deadline, now
        return now["generation tokens"]

    before = figures()["generation tokens"]
    body = {**ENDLESS, **IGNORE_EOS, "stream": stream}
    async with httpx.AsyncClient(headers={"x-tenant-id": "acceptance"}, timeout=60) as leaver:
        asking = asyncio.create_task(leaver.post(f"{engine.url}/v1/chat/completions", json=body))
        await until(lambda now: now["generation tokens"] > before)
        assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    generated = await until(lambda now: not now["running"]) - before
    assert 0 < generated < MOST_TOKENS
    assert figures()["generation tokens"] - before == generated


@pytest.mark.parametrize("killed", ["VLLM::EngineCore", "ServeReplica:engine:Engine"])
def test_an_engine_that_dies_takes_nothing_with_it_and_comes_back(
    ai: "OpenAI", client: httpx.Client, engine: Service, killed: str
) -> None:
    from openai import InternalServerError

    [core] = engine.processes("VLLM::EngineCore")
    [victim] = engine.processes(killed)
    victim.send_signal(signal.SIGKILL)
    with pytest.raises(InternalServerError) as caught:
        chat(ai, max_tokens=1)
    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) > 0
    assert client.get("/health/live").status_code == 200
    assert client.get("/api/v1/artifacts").status_code == 200
    core.wait(timeout=10)
    wait_for_engine(engine)
    assert len(engine.processes("VLLM::EngineCore")) == 1
    assert chat(ai, max_tokens=1).usage.completion_tokens == 1
