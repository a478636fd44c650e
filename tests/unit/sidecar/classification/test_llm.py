"""The language model classifies by the votes of several answers."""

import json
from collections.abc import AsyncGenerator, Sequence

import pytest

from sidecar.classification.backend import ClassificationItem
from sidecar.classification.llm import ANSWERS, LlmClassifier
from sidecar.core.errors import ModelUnavailable
from sidecar.llm.protocol import Completion, StreamEvent
from sidecar.llm.schemas import ChatRequest, SchemaFormat
from tests.unit.sidecar.llm.echo_engine import EchoEngine

LABELS = ("Dairy", "Bakery", "Other")


class ScriptedEngine(EchoEngine):
    """Returns the given answers."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__()
        self.answers = answers

    async def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        self.requests.append(request)
        choices = [{"message": {"content": answer}} for answer in self.answers]
        yield Completion({"model": "voter", "choices": choices})


def votes(**counts: int) -> list[str]:
    return [json.dumps({"category": label}) for label, n in counts.items() for _ in range(n)]


async def test_scores_are_the_smoothed_shares_of_the_answers() -> None:
    llm = LlmClassifier(ScriptedEngine(votes(Dairy=6, Other=2)))
    [scores] = await llm.classify([ClassificationItem("ORG WHL MLK", LABELS)])
    assert scores == pytest.approx({"Dairy": 6.5 / 9.5, "Bakery": 0.5 / 9.5, "Other": 2.5 / 9.5})
    assert sum(scores.values()) == pytest.approx(1)
    assert llm.model_id == "llm+voter"


async def test_the_request_is_restricted_to_the_labels_and_sent_once_per_item() -> None:
    engine = ScriptedEngine(votes(Dairy=8))
    await LlmClassifier(engine).classify(
        [ClassificationItem("ORG WHL MLK", LABELS), ClassificationItem("ORG WHL MLK", LABELS)]
    )
    [request] = engine.requests
    assert (request.n, request.seed) == (ANSWERS, 0)
    assert isinstance(request.response_format, SchemaFormat)
    schema = request.response_format.json_schema.schema_
    assert schema["properties"]["category"]["enum"] == list(LABELS)
    assert "organic whole milk" in str(request.messages[-1].content)


async def test_answers_that_were_cut_off_are_ignored() -> None:
    [scores] = await LlmClassifier(ScriptedEngine([*votes(Dairy=1), '{"categ'])).classify(
        [ClassificationItem("milk", LABELS)]
    )
    assert scores["Dairy"] == pytest.approx(1.5 / 2.5)
    with pytest.raises(ModelUnavailable):
        await LlmClassifier(ScriptedEngine(['{"categ'])).classify(
            [ClassificationItem("milk", LABELS)]
        )


async def test_a_single_label_needs_no_request() -> None:
    engine = ScriptedEngine([])
    assert await LlmClassifier(engine).classify([ClassificationItem("milk", ("Food",))]) == [
        {"Food": 1.0}
    ]
    assert engine.requests == []


async def test_an_engine_that_is_down_raises_model_unavailable() -> None:
    with pytest.raises(ModelUnavailable):
        await LlmClassifier(EchoEngine(fails_with=ModelUnavailable())).classify(
            [ClassificationItem("milk", LABELS)]
        )
