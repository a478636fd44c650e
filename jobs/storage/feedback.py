"""Feedback on results, and the corrections that the service learns from it.

Feedback is a record and expires like every other record. A correction is knowledge from the
tenant: the category of a name, or the catalog product of a receipt's line. It stays until the
tenant is erased, a later correction of the same name replaces it, or MAX_CORRECTIONS later ones of
its kind have come.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Executable, Row, Table, bindparam, delete, func, insert, select

from jobs.storage import schema
from jobs.storage.database import Database, tenant_filters
from sidecar.core.ids import new_id
from sidecar.core.micro_batcher import MicroBatcher
from sidecar.receipts.corrections.kinds import CorrectionKind

#: Corrections of one kind that a tenant may have. At one more, the oldest hundredth is removed.
MAX_CORRECTIONS: Final = 20_000
#: Corrections that are read at a time: a page occupies the event loop for a few milliseconds.
_PAGE: Final = 1_000

#: One object, so that SQLAlchemy finds its compiled form: every categorization runs it.
_VERSIONS = select(schema.correction_versions).where(
    schema.correction_versions.c.tenant_id.in_(bindparam("tenant_ids", expanding=True))
)


class Rating(StrEnum):
    """A person's rating of a result."""

    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """One person's feedback on one result."""

    id: str
    tenant_id: str
    user_id: str | None
    rating: Rating
    note: str | None
    artifact_id: str | None
    job_id: str | None
    correction: Mapping[str, Any] | None  # JSON, as it was sent
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class FeedbackFilter:
    """A filter on a tenant's feedback; None matches every value."""

    rating: Rating | None = None
    artifact_id: str | None = None
    job_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Correction:
    """The tenant's own value for a name, a shop, or a line of a shop."""

    kind: CorrectionKind
    key: str  # shared by names with the same meaning; at most 500 characters
    name: str  # as it was corrected; at most 500 characters
    value: str  # at most 500 characters
    shop: str | None = None  # whose lines or receipts it is about; None: all
    was: str | None = None  # the value as it was read


class FeedbackStore:
    """The feedback and the corrections in one database."""

    def __init__(self, database: Database, *, max_corrections: int = MAX_CORRECTIONS) -> None:
        """Use the database; `max_corrections` bounds a tenant's corrections of each kind."""
        self._database = database
        self._max_corrections = max_corrections
        # Built once: building one takes longer than running it, and a receipt has thousands.
        self._put_corrections = _upsert(database, schema.corrections)
        self._put_version = _upsert(database, schema.correction_versions)
        #: Every name to categorize looks up its tenant's version.
        self._version_batcher = MicroBatcher(self._versions)

    async def add(self, feedback: Feedback, corrections: Sequence[Correction]) -> None:
        """Store the feedback with its corrections, both or neither; durable when this returns."""
        await self._database.write(
            lambda connection: self.insert(connection, feedback, corrections)
        )

    def insert(
        self, connection: Connection, feedback: Feedback, corrections: Sequence[Correction]
    ) -> None:
        """Store the feedback with its corrections, within a transaction of the caller."""
        tenant_id = feedback.tenant_id
        connection.execute(insert(schema.feedback).values(**asdict(feedback)))
        if not corrections:
            return
        rows = [
            {
                "tenant_id": tenant_id,
                "feedback_id": feedback.id,
                "id": new_id("cor_", feedback.created_at),
                "receipts": 0,
                **vars(correction),
            }
            for correction in corrections
        ]
        connection.execute(self._put_corrections, rows)
        for kind in {correction.kind for correction in corrections}:
            self._remove_oldest(connection, tenant_id, kind)
        connection.execute(self._put_version, {"tenant_id": tenant_id, "version": feedback.id})

    async def list(
        self,
        tenant_id: str,
        filter_: FeedbackFilter,
        *,
        limit: int,
        offset: int = 0,
        before: str | None = None,
    ) -> tuple[Sequence[Feedback], int]:
        """Return one page of the matches, newest first, and the number of all matches.

        With `before`, the page begins below that id.
        """
        where = tenant_filters(schema.feedback, tenant_id, asdict(filter_))
        rows, total = await self._database.page(
            schema.feedback, where, limit=limit, offset=offset, before=before
        )
        return [feedback_from_row(row) for row in rows], total

    async def export(
        self, tenant_id: str, filter_: FeedbackFilter, *, page: int = 500
    ) -> AsyncIterator[Feedback]:
        """Yield all matches, oldest first, with `page` of them in memory at a time."""
        where = tenant_filters(schema.feedback, tenant_id, asdict(filter_))
        async for row in self._database.iterate(schema.feedback, where, page=page):
            yield feedback_from_row(row)

    async def corrections(self, tenant_id: str, kind: CorrectionKind) -> Sequence[Correction]:
        """Return the tenant's corrections of that kind, oldest first."""
        rows = [row async for row in self._correction_rows(tenant_id, kind)]
        return [_correction(kind, row) for row in sorted(rows, key=attrgetter("feedback_id"))]

    async def version(self, tenant_id: str) -> str | None:
        """Return a value that changes with each correction of the tenant; None before the first."""
        return await self._version_batcher.submit(tenant_id)

    async def _versions(self, tenant_ids: Sequence[str]) -> Sequence[str | None]:
        async with self._database.read() as connection:
            rows = await connection.execute(_VERSIONS, {"tenant_ids": list(set(tenant_ids))})
            versions = {row.tenant_id: row.version for row in rows}
        return [versions.get(tenant_id) for tenant_id in tenant_ids]

    async def _correction_rows(
        self, tenant_id: str, kind: CorrectionKind
    ) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        """Yield the rows by key; no connection stays open between pages."""
        table = schema.corrections
        page = (
            select(table.c.key, table.c.name, table.c.value, table.c.feedback_id)
            .where(table.c.tenant_id == tenant_id, table.c.kind == kind)
            .order_by(table.c.key)
            .limit(_PAGE)
        )
        after = ""
        while True:
            async with self._database.read() as connection:
                rows = (await connection.execute(page.where(table.c.key > after))).all()
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            after = rows[-1].key

    def _remove_oldest(self, connection: Connection, tenant_id: str, kind: CorrectionKind) -> None:
        """Remove the oldest hundredth where there are too many: not one by one, as each sorts."""
        table = schema.corrections
        own = (table.c.tenant_id == tenant_id, table.c.kind == kind)
        count = connection.scalar(select(func.count()).select_from(table).where(*own)) or 0
        if count <= self._max_corrections:
            return
        surplus = count - self._max_corrections + self._max_corrections // 100
        oldest = select(table.c.key).where(*own).order_by(table.c.feedback_id).limit(surplus)
        connection.execute(delete(table).where(*own, table.c.key.in_(oldest)))


def _upsert(database: Database, table: Table) -> Executable:
    """Return the statement that inserts rows, or replaces those with the same primary key."""
    new = database.insert(table)
    return new.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={
            column.name: new.excluded[column.name] for column in table.c if not column.primary_key
        },
    )


def _correction(kind: CorrectionKind, row: Row[*tuple[Any, ...]]) -> Correction:
    return Correction(kind=kind, key=row.key, name=row.name, value=row.value)


def feedback_from_row(row: Row[Any]) -> Feedback:
    """Convert a row of the table."""
    return Feedback(**{**row._mapping, "rating": Rating(row.rating)})
