"""A model that thinks: its thoughts have a field of their own and never get into JSON."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sidecar.core.settings import Settings
from sidecar.llm.families import families
from sidecar.llm.model import resolve_model
from tests.acceptance import tiny_thinker
from tests.acceptance.service import Service, running, wait_for_engine

SCHEMA = {
    "type": "object",
    "properties": {"fresh": {"type": "boolean"}},
    "required": ["fresh"],
    "additionalProperties": False,
}
STRUCTURED = {
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
}
QUESTION = "Is the milk <think>fresh</think>?"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, engine: Service) -> Path:
    # The name makes it one of the family of Qwen3.
    folder = tmp_path_factory.mktemp("thinking") / "qwen3-toy"
    tiny_thinker.make(Path(resolve_model(Settings(data_dir=engine.data_dir)).path), folder)
    return folder


@pytest.fixture(scope="module")
def thinker(model: Path) -> Iterator[httpx.Client]:
    settings = {"engine": {"mode": "auto", "model": str(model), "store_content": True}}
    with running(model.parent, settings=settings) as service:
        wait_for_engine(service)
        with httpx.Client(
            base_url=service.url, headers={"x-tenant-id": "acceptance"}, timeout=60
        ) as client:
            yield client


def chat(client: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0, **fields}
    return client.post("/v1/chat/completions", json=body)


def message(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    response = chat(client, **fields)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["choices"][0]["message"]
    return found


def test_thoughts_stand_in_a_field_of_their_own(thinker: httpx.Client) -> None:
    found = message(thinker)
    assert found["reasoning"] == tiny_thinker.THOUGHT
    assert found["content"] == tiny_thinker.ANSWER


@pytest.mark.parametrize(
    "fields", [{"reasoning_effort": "none"}, {"chat_template_kwargs": {"enable_thinking": False}}]
)
def test_a_caller_turns_thoughts_off(thinker: httpx.Client, fields: dict[str, Any]) -> None:
    found = message(thinker, **fields)
    assert "reasoning" not in found
    assert found["content"] == tiny_thinker.ANSWER


def test_a_structured_answer_has_no_thoughts_unless_they_are_asked_for(
    thinker: httpx.Client,
) -> None:
    found = message(thinker, **STRUCTURED)
    assert "reasoning" not in found
    assert json.loads(found["content"]) == {"fresh": True}
    found = message(thinker, **STRUCTURED, reasoning_effort="high")
    assert found["reasoning"] == tiny_thinker.THOUGHT
    assert json.loads(found["content"]) == {"fresh": True}


def test_thoughts_are_streamed_and_recorded_apart(thinker: httpx.Client) -> None:
    response = chat(thinker, stream=True)
    events = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    joined = {
        name: "".join(delta.get(name) or "" for delta in deltas)
        for name in ("reasoning", "content")
    }
    assert joined == {"reasoning": tiny_thinker.THOUGHT, "content": tiny_thinker.ANSWER}
    page = thinker.get("/api/v1/artifacts", params={"feature": "chat_completion", "limit": 1})
    [recorded] = page.json()["artifacts"][0]["output_payload"]["messages"]
    assert {name: recorded[name] for name in joined} == joined


def test_thoughts_that_the_limit_cuts_off_leave_no_content(thinker: httpx.Client) -> None:
    response = chat(thinker, max_tokens=2)
    [choice] = response.json()["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] is None
    assert tiny_thinker.THOUGHT.startswith(choice["message"]["reasoning"])


def test_an_argument_that_the_template_does_not_read_is_refused(thinker: httpx.Client) -> None:
    response = chat(thinker, chat_template_kwargs={"enable_thoughts": True})
    assert response.status_code == 400
    assert "enable_thoughts" in response.json()["error"]["message"]


def test_a_model_of_no_family_that_thinks_is_reported_at_the_start(model: Path) -> None:
    unknown = model.rename(model.with_name("toy"))
    try:
        settings = {"engine": {"mode": "auto", "model": str(unknown)}}
        with running(model.parent, settings=settings) as service:
            wait_for_engine(service)
            assert "SIDECAR_ENGINE_REASONING_PARSER" in service.log.read_text(errors="replace")
    finally:
        unknown.rename(model)


def test_every_familys_parsers_are_vllms() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # raised when vLLM is imported
        from vllm.reasoning import ReasoningParserManager
        from vllm.tool_parsers import ToolParserManager

    for family in families():
        assert family.tool_parser in ToolParserManager.list_registered()
        if family.reasoning_parser is not None:
            assert family.reasoning_parser in ReasoningParserManager.list_registered()
