"""The language model as a classifier: held to the labels, asked several times, votes counted."""

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


class Voter(EchoEngine):
    """An engine whose answers are written down."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__()
        self.answers = answers

    async def chat(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        self.asked.append(request)
        choices = [{"message": {"content": answer}} for answer in self.answers]
        yield Completion({"model": "voter", "choices": choices})


def votes(**counts: int) -> list[str]:
    return [json.dumps({"category": label}) for label, n in counts.items() for _ in range(n)]


async def test_scores_are_the_shares_of_the_answers_and_none_is_impossible() -> None:
    llm = LlmClassifier(Voter(votes(Dairy=6, Other=2)))
    [scores] = await llm.classify([ClassificationItem("ORG WHL MLK", LABELS)])
    assert scores == pytest.approx({"Dairy": 6.5 / 9.5, "Bakery": 0.5 / 9.5, "Other": 2.5 / 9.5})
    assert sum(scores.values()) == pytest.approx(1)
    assert llm.model_id == "llm+voter"


async def test_the_question_is_held_to_the_labels_and_the_same_each_time() -> None:
    engine = Voter(votes(Dairy=8))
    await LlmClassifier(engine).classify(
        [ClassificationItem("ORG WHL MLK", LABELS), ClassificationItem("ORG WHL MLK", LABELS)]
    )
    [asked] = engine.asked
    assert (asked.n, asked.seed) == (ANSWERS, 0)
    assert isinstance(asked.response_format, SchemaFormat)
    schema = asked.response_format.json_schema.schema_
    assert schema["properties"]["category"]["enum"] == list(LABELS)
    assert "organic whole milk" in str(asked.messages[-1].content)


async def test_answers_that_were_cut_off_do_not_count() -> None:
    [scores] = await LlmClassifier(Voter([*votes(Dairy=1), '{"categ'])).classify(
        [ClassificationItem("milk", LABELS)]
    )
    assert scores["Dairy"] == pytest.approx(1.5 / 2.5)
    with pytest.raises(ModelUnavailable):
        await LlmClassifier(Voter(['{"categ'])).classify([ClassificationItem("milk", LABELS)])


async def test_a_single_label_needs_no_question() -> None:
    engine = Voter([])
    assert await LlmClassifier(engine).classify([ClassificationItem("milk", ("Food",))]) == [
        {"Food": 1.0}
    ]
    assert engine.asked == []


async def test_an_engine_that_is_away_is_said_to_be() -> None:
    with pytest.raises(ModelUnavailable):
        await LlmClassifier(EchoEngine(fails_with=ModelUnavailable())).classify(
            [ClassificationItem("milk", LABELS)]
        )
