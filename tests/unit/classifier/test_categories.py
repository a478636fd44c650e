"""Names into a tenant's categories."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployments.classifier.backend import Item, Scores
from deployments.classifier.categories import Categories
from jobs.feedback import FeedbackStore
from tests.unit.jobs.conftest import migrated

LABELS = ("Short", "Long")


@dataclass(frozen=True)
class Answer:
    scores: Sequence[Scores]
    model_id: str
    model_version: str


class Lengths:
    """A classifier by the length of the name, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.version = "1"

    async def __call__(self, items: Sequence[Item]) -> Answer:
        self.asked += [item.name for item in items]
        scores = [{"Short": float(len(item.name) < 5), "Long": 0.5} for item in items]
        return Answer(scores, "lengths", self.version)


@pytest.fixture
async def feedback(tmp_path: Path) -> AsyncIterator[FeedbackStore]:
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        yield FeedbackStore(database)


async def test_a_name_is_classified_once_however_often_it_comes(feedback: FeedbackStore) -> None:
    classify = Lengths()
    categories = Categories(classify, feedback)
    first = await categories.of("t1", ["milk", "cheese", "milk"], LABELS)
    again = await categories.of("t2", ["cheese", "milk", "cheese"], LABELS)
    assert classify.asked == ["milk", "cheese"]
    assert [one.best[0] for one in first.placed] == ["Short", "Long", "Short"]
    assert [one.best[0] for one in again.placed] == ["Long", "Short", "Long"]
    assert (again.model_id, again.model_version) == ("lengths", "1")


async def test_when_the_model_changed_no_answer_mixes_the_two(feedback: FeedbackStore) -> None:
    classify = Lengths()
    categories = Categories(classify, feedback)
    await categories.of("t1", ["milk"], LABELS)
    classify.version = "2"
    both = await categories.of("t1", ["milk", "oats"], LABELS)
    assert both.model_version == "2"
    assert classify.asked == ["milk", "oats", "milk"]
