"""The receipts to review, summaries, and searches across tenants, on both databases."""

from collections.abc import Mapping
from typing import Any

from jobs.queue.admin_queries import AdminFilter, AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job import JobResult, JobStatus, NewJob
from jobs.queue.queue import JobQueue
from jobs.queue.review_queries import ReviewQueries
from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, FeedbackStore
from sidecar.receipts.corrections.kinds import CorrectionKind
from tests.unit.conftest import Clock
from tests.unit.jobs.storage.test_feedback import new_feedback

RECEIPT: Mapping[str, Any] = {
    "fields": {
        "merchant": {"name": "Zoë's Corner", "confidence": 0.9},
        "date": None,
        "total": {"amount": "1.99", "currency": "EUR", "confidence": 0.9},
    },
    "overall_confidence": 0.75,
    "checks": {"matches_total": False, "warnings": ["blurred"]},
    "line_items": [{}, {}],
}
PLAN: Mapping[str, Any] = {
    "status": "optimal",
    "warnings": ["no recipe contains le\0eks"],  # PostgreSQL's own JSON functions fail at it
    "metrics": {"cost": {"total": "12.50", "currency": "EUR"}},
    "meal_plan": [{}, {}, {}],
}


async def read(
    queue: JobQueue,
    claims: Claims,
    clock: Clock,
    tenant: str = "t1",
    feature: str = "receipt_extraction",
    merchant: str | None = "Zoë's Corner",
) -> str:
    clock.advance(1)
    new = NewJob(tenant_id=tenant, feature=feature, input_payload={}, request_id=f"of {tenant}")
    job = await queue.submit(new)
    [claimed] = await claims.claim([feature], 1)
    output = RECEIPT if feature == "receipt_extraction" else PLAN
    result = JobResult(
        output=output, model_id="m", model_version="1", needs_review=True, merchant=merchant
    )
    await claims.succeed(claimed, result)
    return job.id


async def test_the_queue_goes_from_the_oldest_to_the_newest_and_around(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    first, other, last = [await read(queue, claims, clock, tenant) for tenant in ("t1", "t2", "t1")]
    reviews = ReviewQueries(database)
    assert [job.id for job in await reviews.pending(None, limit=2)] == [first, other]
    assert [job.id for job in await reviews.pending("t1", limit=9)] == [first, last]
    assert (await reviews.count(), await reviews.count("t2")) == (3, 1)
    assert await reviews.neighbors(other, None) == (first, last)
    assert await reviews.neighbors(last, None) == (other, first)
    assert await reviews.neighbors(first, "t1") == (None, last)
    assert await reviews.neighbors(other, "t2") == (None, None)


async def test_lists_show_what_was_read_and_planned(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    receipt = await read(queue, claims, clock)
    plan = await read(queue, claims, clock, feature="meal_optimization", merchant=None)
    jobs = [await queue.get("t1", job_id) for job_id in (receipt, plan)]
    reviews = ReviewQueries(database)
    [(job_id, summary)] = (await reviews.summaries(jobs)).items()
    assert (job_id, summary.merchant, summary.total) == (receipt, "Zoë's Corner", "1.99 EUR")
    assert (summary.date, summary.lines, summary.confidence) == (None, 2, 0.75)
    assert (summary.matches_total, list(summary.warnings)) == (False, ["blurred"])
    [(job_id, planned)] = (await reviews.plans(jobs)).items()
    assert (job_id, planned.status, planned.meals) == (plan, "optimal", 3)
    assert planned.cost == "12.50 EUR"


async def test_jobs_are_found_by_id_request_tenant_and_the_beginning_of_a_merchant(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    mine = await read(queue, claims, clock)
    other = await read(queue, claims, clock, tenant="zoë's", merchant="Aldi")
    queries = AdminQueries(database)
    for search, expected in (
        (mine, [mine]),
        ("of t1", [mine]),
        ("ZOË'S", [mine]),
        ("zoë's", [other, mine]),
        ("aldi", [other]),
        ("ldi", []),
        ("%", []),
    ):
        filter_ = AdminFilter(search=search)
        found = await queries.jobs(filter_, before=None, limit=10)
        assert [job.id for job in found] == expected, search
        counts = await queries.state_counts(filter_)
        assert counts[JobStatus.SUCCEEDED] == len(expected)
        assert counts[JobStatus.FAILED] == 0
    narrowed = AdminFilter(search="zoë's", status=JobStatus.FAILED)
    assert await queries.jobs(narrowed, before=None, limit=10) == []


async def test_corrections_are_found_by_kind_and_key_and_labels_listed(
    database: Database, clock: Clock
) -> None:
    rows = [
        Correction(kind=kind, key=key, name=key, value=f"{key} {kind}", shop="Shop")
        for kind in (CorrectionKind.NAME, CorrectionKind.CATEGORY)
        for key in ("a", "b")
    ]
    await FeedbackStore(database).add(new_feedback(clock), rows)
    store = CorrectionStore(database)
    many = [f"key {number}" for number in range(1_200)]
    keys = {CorrectionKind.NAME: [*many, "a"], CorrectionKind.UNIT: ["b"]}
    found = await store.lookup("t1", keys)
    assert {at: row.value for at, row in found.items()} == {(CorrectionKind.NAME, "a"): "a name"}
    assert await store.lookup("t2", keys) == {}
    assert await store.labels("t1", limit=1) == ["a category"]
    [row] = found.values()
    await store.count_receipt("t1", [row.id])
    await store.count_receipt("t2", [row.id])
    [counted] = (await store.lookup("t1", keys)).values()
    assert counted.receipts == 1
