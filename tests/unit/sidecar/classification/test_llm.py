"""The language model as a classifier: held to the labels, asked several times, votes counted."""

import json
from collections.abc import AsyncGenerator, Sequence

import pytest

from sidecar.classification.backend import Item
from sidecar.classification.llm import ANSWERS, Llm
from sidecar.core.errors import ModelUnavailable
from sidecar.llm.protocol import Completion, Piece
from sidecar.llm.schemas import ChatRequest, SchemaFormat
from tests.unit.sidecar.llm.echo_engine import EchoEngine

LABELS = ("Dairy", "Bakery", "Other")


class Voter(EchoEngine):
    """An engine whose answers are written down."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__()
        self.answers = answers

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        self.asked.append(request)
        choices = [{"message": {"content": answer}} for answer in self.answers]
        yield Completion({"model": "voter", "choices": choices})


def votes(**counts: int) -> list[str]:
    return [json.dumps({"category": label}) for label, n in counts.items() for _ in range(n)]


async def test_scores_are_the_shares_of_the_answers_and_none_is_impossible() -> None:
    llm = Llm(Voter(votes(Dairy=6, Other=2)))
    [scores] = await llm.classify([Item("ORG WHL MLK", LABELS)])
    assert scores == pytest.approx({"Dairy": 6.5 / 9.5, "Bakery": 0.5 / 9.5, "Other": 2.5 / 9.5})
    assert sum(scores.values()) == pytest.approx(1)
    assert llm.model_id == "llm+voter"


async def test_the_question_is_held_to_the_labels_and_the_same_each_time() -> None:
    engine = Voter(votes(Dairy=8))
    await Llm(engine).classify([Item("ORG WHL MLK", LABELS), Item("ORG WHL MLK", LABELS)])
    [asked] = engine.asked
    assert (asked.n, asked.seed) == (ANSWERS, 0)
    assert isinstance(asked.response_format, SchemaFormat)
    schema = asked.response_format.json_schema.schema_
    assert schema["properties"]["category"]["enum"] == list(LABELS)
    assert "organic whole milk" in str(asked.messages[-1].content)


async def test_answers_that_were_cut_off_do_not_count() -> None:
    [scores] = await Llm(Voter([*votes(Dairy=1), '{"categ'])).classify([Item("milk", LABELS)])
    assert scores["Dairy"] == pytest.approx(1.5 / 2.5)
    with pytest.raises(ModelUnavailable):
        await Llm(Voter(['{"categ'])).classify([Item("milk", LABELS)])


async def test_a_single_label_needs_no_question() -> None:
    engine = Voter([])
    assert await Llm(engine).classify([Item("milk", ("Food",))]) == [{"Food": 1.0}]
    assert engine.asked == []


async def test_an_engine_that_is_away_is_said_to_be() -> None:
    with pytest.raises(ModelUnavailable):
        await Llm(EchoEngine(fails_with=ModelUnavailable())).classify([Item("milk", LABELS)])
