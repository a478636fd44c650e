"""Catalog matches that a tenant has settled by its feedback."""

from collections.abc import Mapping
from typing import Any

import pytest

from jobs.queue.job import JobResult
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, CorrectionKind, FeedbackStore
from jobs.tasks.receipt_enrichment import apply_catalog_corrections
from sidecar.classification.corrections import name_key
from sidecar.receipts.options import ReceiptOptions
from tests.unit.jobs.conftest import Clock
from tests.unit.jobs.served_models import models
from tests.unit.jobs.storage.test_feedback import given

CATALOG = [{"id": "p1", "name": "Milk"}, {"id": "p2", "name": "Oat drink"}]
LINE = {"raw_text": "OATLY BRST 1L 2.49 A", "parsed_name": "OATLY BRST 1L"}
MILK = {"id": "p1", "confidence": 0.9, "strategy": "fuzzy"}
OAT_DRINK = {"id": "p2", "confidence": 1.0, "strategy": "synonym"}


@pytest.fixture
async def taught(database: Database, clock: Clock) -> Database:
    """Tenant t1 has said what OATLY BRST is, and of another line a product long gone."""
    learnt = [
        Correction(kind=CorrectionKind.CATALOG, key=name_key(name), name=name, value=value)
        for name, value in (("OATLY BRST 1L", "p2"), ("BREAD", "gone"))
    ]
    await FeedbackStore(database).add(given(clock), learnt)
    return database


async def matches(
    database: Database, line: Mapping[str, Any], *, tenant_id: str = "t1", catalog: object = CATALOG
) -> object:
    options = ReceiptOptions.model_validate({"catalog": catalog})
    outcome = JobResult(output={"line_items": [line]}, model_id="m", model_version="1")
    done = await apply_catalog_corrections(tenant_id, options, outcome, models(database))
    return done.output["line_items"][0].get("match")


async def test_what_the_tenant_said_comes_before_every_likeness(taught: Database) -> None:
    assert await matches(taught, {**LINE, "match": MILK}) == OAT_DRINK
    assert await matches(taught, LINE) == OAT_DRINK


async def test_another_tenant_has_settled_nothing(taught: Database) -> None:
    assert await matches(taught, {**LINE, "match": MILK}, tenant_id="t2") == MILK


async def test_a_product_outside_the_catalog_is_no_match(taught: Database) -> None:
    bread = {"raw_text": "BREAD 1.00", "parsed_name": "BREAD"}
    assert await matches(taught, bread) is None
    assert await matches(taught, LINE, catalog=CATALOG[:1]) is None
    assert await matches(taught, LINE, catalog=[]) is None
