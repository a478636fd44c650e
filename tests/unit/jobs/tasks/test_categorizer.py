import asyncio
from collections.abc import AsyncIterator, Sequence
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
from jobs.tasks.categorizer import Categorizer, PredictionCache
from sidecar.classification.backend import ClassificationItem, ClassificationResult, Prediction
from sidecar.classification.corrections import correction_key
from sidecar.core.errors import ModelUnavailable
from tests.unit.conftest import migrated

LABELS = ("Short", "Long")


class LengthClassifier:
    """Classifies names by their length, and records them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.version = "1"

    async def __call__(self, items: Sequence[ClassificationItem]) -> ClassificationResult:
        self.names += [item.name for item in items]
        scores = [{"Short": float(len(item.name) < 5), "Long": 0.5} for item in items]
        return ClassificationResult(scores, "lengths", self.version)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        yield database


@pytest.fixture
def feedback(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


def best(predictions: Sequence[Prediction]) -> list[str]:
    return [prediction.best[0] for prediction in predictions]


async def test_a_name_is_classified_once_however_often_it_comes(feedback: FeedbackStore) -> None:
    classify = LengthClassifier()
    categorizer = Categorizer(classify, feedback)
    first = await categorizer.categorize("t1", ["milk", "cheese", "milk"], LABELS)
    again = await categorizer.categorize("t2", ["cheese", "milk", "cheese"], LABELS)
    assert classify.names == ["milk", "cheese"]
    assert best(first.predictions) == ["Short", "Long", "Short"]
    assert best(again.predictions) == ["Long", "Short", "Long"]
    assert (again.model_id, again.model_version) == ("lengths", "1")


async def test_after_a_model_change_no_result_mixes_both_models(feedback: FeedbackStore) -> None:
    classify = LengthClassifier()
    categorizer = Categorizer(classify, feedback)
    await categorizer.categorize("t1", ["milk"], LABELS)
    classify.version = "2"
    both = await categorizer.categorize("t1", ["milk", "oats"], LABELS)
    assert both.model_version == "2"
    assert classify.names == ["milk", "oats", "milk"]


def milk_correction(tenant: str) -> tuple[Feedback, Sequence[Correction]]:
    """Return a tenant's feedback that corrects milk to Long."""
    feedback = Feedback(
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
    return feedback, [Correction(kind=CorrectionKind.CATEGORY, key=key, name="milk", value="Long")]


async def test_corrections_of_an_erased_tenant_are_no_longer_cached(
    database: Database, feedback: FeedbackStore, tmp_path: Path
) -> None:
    now = 0.0
    categorizer = Categorizer(LengthClassifier(), feedback, clock=lambda: now)
    for tenant in ("returning", "gone"):
        await feedback.add(*milk_correction(tenant))
        corrected = await categorizer.categorize(tenant, ["milk"], LABELS)
        assert corrected.predictions[0].best[0] == "Long"
    eraser = TenantEraser(database, BlobStore(tmp_path / "blobs", database, utc_now), utc_now)
    for tenant in ("returning", "gone"):
        await eraser.erase(tenant)
    now = 700.0
    again = await categorizer.categorize("returning", ["milk"], LABELS)
    assert again.predictions[0].best[0] == "Short"
    assert not categorizer._corrections, "the tenant without another request is dropped too"


async def test_small_requests_during_a_call_share_the_next_call(feedback: FeedbackStore) -> None:
    calls: list[list[str]] = []
    unblock = asyncio.Event()

    async def classify(items: Sequence[ClassificationItem]) -> ClassificationResult:
        calls.append([item.name for item in items])
        await unblock.wait()
        return await LengthClassifier()(items)

    async def until(count: int) -> None:
        async with asyncio.timeout(5):
            while len(calls) < count:
                await asyncio.sleep(0.001)

    categorizer = Categorizer(classify, feedback)
    in_flight = asyncio.create_task(categorizer.categorize("t1", ["a"], LABELS))
    await until(1)
    many = [f"many {number}" for number in range(50)]
    later = [
        asyncio.create_task(categorizer.categorize("t1", names, LABELS))
        for names in (["cheese"], many, ["milk", "oats"])
    ]
    await until(2)
    assert calls == [["a"], many], "a large request has a call of its own"
    unblock.set()
    cheese, _, both = await asyncio.gather(*later)
    await in_flight
    assert calls[2:] == [["cheese", "milk", "oats"]]
    assert best(cheese.predictions) == ["Long"]
    assert best(both.predictions) == ["Short", "Short"]


async def test_a_new_correction_applies_at_once_and_needs_no_classifier(
    feedback: FeedbackStore,
) -> None:
    async def unavailable(items: Sequence[ClassificationItem]) -> ClassificationResult:
        if items:
            raise ModelUnavailable
        return ClassificationResult([], "lengths", "1")

    categorizer = Categorizer(unavailable, feedback)
    with pytest.raises(ModelUnavailable):
        await categorizer.categorize("t1", ["milk"], LABELS)
    await feedback.add(*milk_correction("t1"))
    for _ in range(2):  # before and after the correction is cached
        corrected = await categorizer.categorize("t1", ["milk"], LABELS)
        [prediction] = corrected.predictions
        assert (prediction.best[0], prediction.source) == ("Long", "correction")
        with pytest.raises(ModelUnavailable):
            await categorizer.categorize("t1", ["milk", "oats"], LABELS)


async def test_only_corrected_names_come_from_corrections(feedback: FeedbackStore) -> None:
    classify = LengthClassifier()
    categorizer = Categorizer(classify, feedback)
    await feedback.add(*milk_correction("t1"))
    for _ in range(2):
        result = await categorizer.categorize("t1", ["oats", "milk", "cheese"], LABELS)
        assert [(prediction.best[0], prediction.source) for prediction in result.predictions] == [
            ("Short", "classifier"),
            ("Long", "correction"),
            ("Long", "classifier"),
        ]
    other_tenant = await categorizer.categorize("t2", ["milk"], LABELS)
    assert other_tenant.predictions[0].source == "classifier"


MILK, BREAD, OATS = (ClassificationItem(name, ("A", "B")) for name in ("milk", "bread", "oats"))
SCORES = {"A": 0.75, "B": 0.25}
MODEL = ("lexicon", "1")


def test_a_cached_prediction_is_found_by_name_and_labels() -> None:
    cache = PredictionCache()
    cache.add(MILK, SCORES, MODEL)
    assert cache.get(MILK) == SCORES
    assert cache.get(ClassificationItem("milk", ("B", "A"))) is None
    assert cache.model == MODEL


def test_a_cached_prediction_expires_after_ten_minutes() -> None:
    now = 0.0
    cache = PredictionCache(clock=lambda: now)
    cache.add(MILK, SCORES, MODEL)
    now = 599.0
    assert cache.get(MILK) == SCORES
    now = 600.0
    assert cache.get(MILK) is None


def test_a_full_cache_evicts_the_least_recently_used_prediction() -> None:
    cache = PredictionCache(max_scores=4)
    for item in (MILK, BREAD):
        cache.add(item, SCORES, MODEL)
    cache.get(MILK)
    cache.add(OATS, SCORES, MODEL)
    assert [cache.get(item) is not None for item in (MILK, BREAD, OATS)] == [True, False, True]


def test_a_prediction_cached_again_takes_no_more_room() -> None:
    cache = PredictionCache(max_scores=4)
    for item in (MILK, BREAD, BREAD, BREAD):
        cache.add(item, SCORES, MODEL)
    assert cache.get(MILK) == SCORES


def test_predictions_of_another_model_are_dropped() -> None:
    cache = PredictionCache()
    cache.add(MILK, SCORES, MODEL)
    cache.add(BREAD, SCORES, ("lexicon", "2"))
    assert cache.get(MILK) is None
    assert cache.get(BREAD) == SCORES
