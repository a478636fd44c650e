"""Feedback and corrections, on both databases."""

from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import (
    Correction,
    Feedback,
    FeedbackFilter,
    FeedbackStore,
    Rating,
)
from sidecar.core.ids import new_id
from sidecar.receipts.corrections.kinds import CorrectionKind
from tests.unit.conftest import Clock


def new_feedback(clock: Clock, tenant: str = "t1") -> Feedback:
    clock.advance(1)
    return Feedback(
        id=new_id("fb_", clock()),
        tenant_id=tenant,
        user_id=None,
        rating=Rating.THUMBS_DOWN,
        note=None,
        artifact_id="art_1",
        job_id=None,
        correction=None,
        created_at=clock(),
    )


def milk(category: str) -> Correction:
    return Correction(kind=CorrectionKind.CATEGORY, key="milk", name="Milk", value=category)


async def test_a_later_correction_replaces_the_earlier(database: Database, clock: Clock) -> None:
    store = FeedbackStore(database)
    assert await store.version("t1") is None
    versions = []
    for category in ("Dairy", "Chilled"):
        await store.add(new_feedback(clock), [milk(category)])
        versions.append(await store.version("t1"))
    assert await store.corrections("t1", CorrectionKind.CATEGORY) == [milk("Chilled")]
    assert await store.corrections("t1", CorrectionKind.CATALOG) == []
    assert await store.corrections("t2", CorrectionKind.CATEGORY) == []
    assert None not in versions
    assert len(set(versions)) == 2
    await store.add(new_feedback(clock), [])
    assert await store.version("t1") == versions[-1]


async def test_an_export_covers_all_pages(database: Database, clock: Clock) -> None:
    store = FeedbackStore(database)
    entries = [new_feedback(clock) for _ in range(7)]
    for entry in [*entries, new_feedback(clock, "t2")]:
        await store.add(entry, [])
    exported = [entry async for entry in store.export("t1", FeedbackFilter(), page=3)]
    assert exported == entries


def correction(name: str) -> Correction:
    return Correction(kind=CorrectionKind.CATEGORY, key=name, name=name, value="Dairy")


async def test_the_oldest_corrections_of_a_tenant_go_when_there_are_too_many(
    database: Database, clock: Clock
) -> None:
    store = FeedbackStore(database, max_corrections=200)
    other = [correction(f"other {n}") for n in range(150)]
    await store.add(new_feedback(clock, "t2"), other)
    await store.add(new_feedback(clock), [milk("Dairy")])
    for start in (0, 100):
        await store.add(new_feedback(clock), [correction(f"{start + n}") for n in range(100)])
    names = [row.name for row in await store.corrections("t1", CorrectionKind.CATEGORY)]
    assert len(names) == 198
    assert "Milk" not in names
    assert {f"{n}" for n in range(100, 200)} < set(names)
    assert len(await store.corrections("t2", CorrectionKind.CATEGORY)) == 150


async def test_corrections_are_read_in_pages_and_by_key(database: Database, clock: Clock) -> None:
    store = FeedbackStore(database)
    many = [correction(f"{n:05}") for n in range(2_000)]
    await store.add(new_feedback(clock), many)
    assert await store.corrections("t1", CorrectionKind.CATEGORY) == many
    corrections = CorrectionStore(database)
    pages = [row async for row in corrections.iterate("t1")]
    assert [(row.key, row.value) for row in pages] == [(row.key, row.value) for row in many]
    keys = [f"{n:05}" for n in range(1_500, 2_500)]
    found = await corrections.lookup("t1", {CorrectionKind.CATEGORY: keys})
    assert {key: row.value for (_, key), row in found.items()} == dict.fromkeys(keys[:500], "Dairy")
    assert not await corrections.lookup("t1", {CorrectionKind.CATALOG: keys})
