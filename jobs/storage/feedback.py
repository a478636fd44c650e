"""Feedback on results, and the corrections that the service learns from it.

Feedback is a record and expires like every other record. A correction is knowledge from the
tenant: the category of a name, or the catalog product of a receipt's line. It stays until the
tenant is erased, and a later correction of the same name replaces it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, insert, select

from jobs.storage import schema
from jobs.storage.database import Database, tenant_filters
from sidecar.core.micro_batcher import MicroBatcher

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


class CorrectionKind(StrEnum):
    """The attribute of a name that a correction sets."""

    CATEGORY = "category"
    CATALOG = "catalog"


@dataclass(frozen=True, kw_only=True)
class Correction:
    """The tenant's own value for a name."""

    kind: CorrectionKind
    key: str  # shared by names with the same meaning; at most 500 characters
    name: str  # as it was corrected; at most 500 characters
    value: str  # the category, or the product's id in the catalog; at most 200 characters


class FeedbackStore:
    """The feedback and the corrections in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Every name to categorize looks up its tenant's version.
        self._version_batcher = MicroBatcher(self._versions)

    async def add(self, feedback: Feedback, corrections: Sequence[Correction]) -> None:
        """Store the feedback with its corrections, both or neither; durable when this returns."""
        tenant_id = feedback.tenant_id

        def insert_all(connection: Connection) -> None:
            connection.execute(insert(schema.feedback).values(**asdict(feedback)))
            for correction in corrections:
                values = {"tenant_id": tenant_id, "feedback_id": feedback.id, **asdict(correction)}
                self._upsert(connection, schema.corrections, values)
            if corrections:
                version = {"tenant_id": tenant_id, "version": feedback.id}
                self._upsert(connection, schema.correction_versions, version)

        await self._database.write(insert_all)

    async def list(
        self, tenant_id: str, filter_: FeedbackFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[Feedback], int]:
        """Return one page of the matches, newest first, and the number of all matches."""
        where = tenant_filters(schema.feedback, tenant_id, asdict(filter_))
        rows, total = await self._database.page(schema.feedback, where, limit=limit, offset=offset)
        return [feedback_from_row(row) for row in rows], total

    async def export(
        self, tenant_id: str, filter_: FeedbackFilter, *, page: int = 500
    ) -> AsyncIterator[Feedback]:
        """Yield all matches, oldest first, with `page` of them in memory at a time."""
        where = tenant_filters(schema.feedback, tenant_id, asdict(filter_))
        async for row in self._database.iterate(schema.feedback, where, page=page):
            yield feedback_from_row(row)

    async def corrections(self, tenant_id: str, kind: CorrectionKind) -> Sequence[Correction]:
        """Return the tenant's corrections of that kind, by key."""
        table = schema.corrections
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(table.c.key, table.c.name, table.c.value)
                .where(table.c.tenant_id == tenant_id, table.c.kind == kind)
                .order_by(table.c.key)
            )
            return [Correction(kind=kind, **row._mapping) for row in rows]

    async def version(self, tenant_id: str) -> str | None:
        """Return a value that changes with each correction of the tenant; None before the first."""
        return await self._version_batcher.submit(tenant_id)

    async def _versions(self, tenant_ids: Sequence[str]) -> Sequence[str | None]:
        async with self._database.read() as connection:
            rows = await connection.execute(_VERSIONS, {"tenant_ids": list(set(tenant_ids))})
            versions = {row.tenant_id: row.version for row in rows}
        return [versions.get(tenant_id) for tenant_id in tenant_ids]

    def _upsert(self, connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
        new = self._database.insert(table).values(values)
        keys = [column.name for column in table.primary_key]
        connection.execute(
            new.on_conflict_do_update(
                index_elements=keys,
                set_={name: new.excluded[name] for name in values if name not in keys},
            )
        )


def feedback_from_row(row: Row[Any]) -> Feedback:
    """Convert a row of the table."""
    return Feedback(**{**row._mapping, "rating": Rating(row.rating)})
