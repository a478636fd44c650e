"""Jobs that ask the served text models."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, CorrectionKind, FeedbackStore
from jobs.tasks.categorization import categorize_items
from jobs.tasks.embedding import embed_texts
from jobs.tasks.receipt_enrichment import add_categories
from sidecar.core.settings import Settings
from sidecar.receipts.options import ReceiptOptions
from tests.unit.jobs.conftest import Clock
from tests.unit.jobs.served_models import models
from tests.unit.jobs.storage.test_feedback import given

LABELS = ["Milk", "Bread"]


def work(payload: Mapping[str, Any]) -> JobContext:
    return JobContext(tenant_id="t1", payload=payload, image=None, settings=Settings())


async def finished(events: AsyncIterator[float | JobResult]) -> tuple[list[float], JobResult]:
    *progress, outcome = [event async for event in events]
    assert isinstance(outcome, JobResult)
    return [event for event in progress if isinstance(event, float)], outcome


async def test_a_batch_of_texts_reports_progress_and_keeps_the_order(database: Database) -> None:
    texts = [{"id": number, "text": "x" * (number + 1)} for number in range(5)]
    payload = {"request_id": "r", "texts": texts, "batch_size": 2}
    progress, outcome = await finished(embed_texts(models(database), work(payload)))
    assert progress == [0.4, 0.8, 1.0]
    vectors = [embedding["vector"].tolist() for embedding in outcome.output["embeddings"]]
    assert vectors == [[number + 1.0, 1.0] for number in range(5)]
    assert (outcome.model_id, outcome.output["dimension"]) == ("lengths", 2)


async def test_a_batch_of_names_reports_progress_and_keeps_the_order(database: Database) -> None:
    items = [{"id": number, "name": "bm"[number % 2] * 3} for number in range(250)]
    payload = {"items": items, "candidate_labels": LABELS}
    progress, outcome = await finished(categorize_items(models(database), work(payload)))
    assert progress == [0.4, 0.8, 1.0]
    predictions = [one["predicted_category"] for one in outcome.output["predictions"]]
    assert predictions == ["Bread", "Milk"] * 125
    assert outcome.model_id == "lengths"


async def test_a_correction_comes_before_the_classifier(database: Database, clock: Clock) -> None:
    learnt = Correction(kind=CorrectionKind.CATEGORY, key="bun", name="bun", value="Milk")
    await FeedbackStore(database).add(given(clock), [learnt])
    payload = {"items": [{"id": 1, "name": "Buns"}], "candidate_labels": LABELS}
    for classifier in (True, False):
        asked = models(database, classifier=classifier)
        _, outcome = await finished(categorize_items(asked, work(payload)))
        [prediction] = outcome.output["predictions"]
        assert (prediction["predicted_category"], prediction["source"]) == ("Milk", "correction")
        assert outcome.model_id == "corrections"


@pytest.fixture
def receipt() -> JobResult:
    items = [{"raw_text": "MLK", "parsed_name": "milk"}, {"raw_text": "BRD", "parsed_name": ""}]
    output = {"items": items, "line_items": items, "checks": {"warnings": ["smudged"]}}
    return JobResult(output=output, model_id="ocr", model_version="1")


async def test_line_items_get_categories_when_they_are_asked_for(
    database: Database, receipt: JobResult
) -> None:
    wanted = ReceiptOptions(categorize=True, candidate_labels=tuple(LABELS))
    done = await add_categories("t1", wanted, receipt, models(database))
    for form in ("items", "line_items"):
        assert [item["category"] for item in done.output[form]] == ["Milk", "Bread"]
    unwanted = ReceiptOptions()
    assert await add_categories("t1", unwanted, receipt, models(database)) is receipt


async def test_without_a_classifier_the_receipt_stands_with_a_warning(
    database: Database, receipt: JobResult
) -> None:
    wanted = ReceiptOptions(categorize=True, candidate_labels=tuple(LABELS))
    done = await add_categories("t1", wanted, receipt, models(database, classifier=False))
    assert done.output["line_items"] == receipt.output["line_items"]
    assert [word.split()[0] for word in done.output["checks"]["warnings"]] == ["smudged", "The"]
