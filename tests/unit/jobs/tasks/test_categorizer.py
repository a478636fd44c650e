"""Names into a tenant's categories."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.maintenance.erasure import TenantEraser
from jobs.queue.queue import utc_now
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import (
    Correction,
    CorrectionKind,
    Feedback,
    FeedbackStore,
    Rating,
)
from jobs.tasks.categorizer import Categorizer
from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.classification.corrections import correction_key
from sidecar.core.errors import ModelUnavailable
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

    async def __call__(self, items: Sequence[ClassificationItem]) -> Answer:
        self.asked += [item.name for item in items]
        scores = [{"Short": float(len(item.name) < 5), "Long": 0.5} for item in items]
        return Answer(scores, "lengths", self.version)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        yield database


@pytest.fixture
def feedback(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


async def test_a_name_is_classified_once_however_often_it_comes(feedback: FeedbackStore) -> None:
    classify = Lengths()
    categories = Categorizer(classify, feedback)
    first = await categories.categorize("t1", ["milk", "cheese", "milk"], LABELS)
    again = await categories.categorize("t2", ["cheese", "milk", "cheese"], LABELS)
    assert classify.asked == ["milk", "cheese"]
    assert [one.best[0] for one in first.predictions] == ["Short", "Long", "Short"]
    assert [one.best[0] for one in again.predictions] == ["Long", "Short", "Long"]
    assert (again.model_id, again.model_version) == ("lengths", "1")


async def test_when_the_model_changed_no_answer_mixes_the_two(feedback: FeedbackStore) -> None:
    classify = Lengths()
    categories = Categorizer(classify, feedback)
    await categories.categorize("t1", ["milk"], LABELS)
    classify.version = "2"
    both = await categories.categorize("t1", ["milk", "oats"], LABELS)
    assert both.model_version == "2"
    assert classify.asked == ["milk", "oats", "milk"]


def said(tenant: str) -> tuple[Feedback, Sequence[Correction]]:
    given = Feedback(
        id=f"fb_{tenant}",
        tenant_id=tenant,
        user_id=None,
        rating=Rating.THUMBS_DOWN,
        note=None,
        artifact_id=None,
        job_id=None,
        correction=None,
        created_at=datetime(2026, 1, 10, tzinfo=UTC),
    )
    key = correction_key("milk")
    return given, [Correction(kind=CorrectionKind.CATEGORY, key=key, name="milk", value="Long")]


async def test_what_an_erased_tenant_had_settled_is_forgotten(
    database: Database, feedback: FeedbackStore, tmp_path: Path
) -> None:
    now = 0.0
    categories = Categorizer(Lengths(), feedback, clock=lambda: now)
    for tenant in ("leaving", "leaving-for-good"):
        await feedback.add(*said(tenant))
        settled = await categories.categorize(tenant, ["milk"], LABELS)
        assert settled.predictions[0].best[0] == "Long"
    erasure = TenantEraser(database, BlobStore(tmp_path / "blobs", database, utc_now), utc_now)
    for tenant in ("leaving", "leaving-for-good"):
        await erasure.erase(tenant)
    now = 700.0
    again = await categories.categorize("leaving", ["milk"], LABELS)
    assert again.predictions[0].best[0] == "Short"
    assert not categories._corrections, "who never asks again is not remembered either"


async def test_names_that_come_while_the_classifier_works_go_to_it_together(
    feedback: FeedbackStore,
) -> None:
    calls: list[list[str]] = []
    go = asyncio.Event()

    async def classify(items: Sequence[ClassificationItem]) -> Answer:
        calls.append([item.name for item in items])
        await go.wait()
        return await Lengths()(items)

    async def until(count: int) -> None:
        async with asyncio.timeout(5):
            while len(calls) < count:
                await asyncio.sleep(0.001)

    categories = Categorizer(classify, feedback)
    at_work = asyncio.create_task(categories.categorize("t1", ["a"], LABELS))
    await until(1)
    many = [f"many {number}" for number in range(50)]
    later = [
        asyncio.create_task(categories.categorize("t1", names, LABELS))
        for names in (["cheese"], many, ["milk", "oats"])
    ]
    await until(2)
    assert calls == [["a"], many], "who has many names is not waited for"
    go.set()
    cheese, _, both = await asyncio.gather(*later)
    await at_work
    assert calls[2:] == [["cheese", "milk", "oats"]]
    assert [one.best[0] for one in cheese.predictions] == ["Long"]
    assert [one.best[0] for one in both.predictions] == ["Short", "Short"]


async def test_what_is_settled_meanwhile_counts_and_needs_no_classifier(
    feedback: FeedbackStore,
) -> None:
    async def away(items: Sequence[ClassificationItem]) -> Answer:
        if items:
            raise ModelUnavailable
        return Answer([], "lengths", "1")

    categories = Categorizer(away, feedback)
    with pytest.raises(ModelUnavailable):
        await categories.categorize("t1", ["milk"], LABELS)
    await feedback.add(*said("t1"))
    for _ in range(2):  # before and after it is known that the tenant has settled it
        settled = await categories.categorize("t1", ["milk"], LABELS)
        assert [(one.best[0], one.source) for one in settled.predictions] == [
            ("Long", "correction")
        ]
        with pytest.raises(ModelUnavailable):
            await categories.categorize("t1", ["milk", "oats"], LABELS)


async def test_some_names_settled_and_some_not(feedback: FeedbackStore) -> None:
    classify = Lengths()
    categories = Categorizer(classify, feedback)
    await feedback.add(*said("t1"))
    for _ in range(2):
        found = await categories.categorize("t1", ["oats", "milk", "cheese"], LABELS)
        assert [(one.best[0], one.source) for one in found.predictions] == [
            ("Short", "classifier"),
            ("Long", "correction"),
            ("Long", "classifier"),
        ]
    elsewhere = await categories.categorize("t2", ["milk"], LABELS)
    assert elsewhere.predictions[0].source == "classifier"
