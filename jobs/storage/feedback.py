"""Feedback: what people say of results; and corrections: what the service learns from it.

Feedback is a record and expires like every other. A correction is knowledge that the tenant gave:
the category of a name, or the catalog's product behind a receipt's line. It stays until the tenant
is erased, and the latest word on a name counts.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, insert, select

from jobs.storage.database import Database, tenant_filters
from jobs.storage.schema import correction_versions, corrections, feedback
from sidecar.core.micro_batcher import MicroBatcher

#: One object, so that SQLAlchemy finds what it compiled before: every categorization asks.
_VERSIONS = select(correction_versions).where(
    correction_versions.c.tenant_id.in_(bindparam("tenant_ids", expanding=True))
)


class Rating(StrEnum):
    """What somebody thinks of a result."""

    THUMBS_UP = "thumbs_up"
    THUMBS_DOWN = "thumbs_down"


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """One person's word on one result."""

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
    """Which of a tenant's feedback to list."""

    rating: Rating | None = None
    artifact_id: str | None = None
    job_id: str | None = None


class CorrectionKind(StrEnum):
    """What a correction settles about a name."""

    CATEGORY = "category"
    CATALOG = "catalog"


@dataclass(frozen=True, kw_only=True)
class Correction:
    """The tenant's own answer for a name."""

    kind: CorrectionKind
    key: str  # what names that mean the same share; at most 500 characters
    name: str  # as it was corrected; at most 500 characters
    value: str  # the category, or the product's id in the catalog; at most 200 characters


class FeedbackStore:
    """The feedback and the corrections in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Every name that is to be categorized asks for its tenant's version.
        self._asked_for = MicroBatcher(self._versions)

    async def add(self, given: Feedback, learnt: Sequence[Correction]) -> None:
        """Durable when it returns, and so is what was learnt: both or neither."""

        def work(connection: Connection) -> None:
            connection.execute(insert(feedback).values(**asdict(given)))
            for correction in learnt:
                self._upsert(
                    connection,
                    corrections,
                    tenant_id=given.tenant_id,
                    feedback_id=given.id,
                    **asdict(correction),
                )
            if learnt:
                self._upsert(
                    connection, correction_versions, tenant_id=given.tenant_id, version=given.id
                )

        await self._database.write(work)

    async def list(
        self, tenant_id: str, wanted: FeedbackFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[Feedback], int]:
        """One page, newest first, and how many match in all."""
        where = tenant_filters(feedback, tenant_id, asdict(wanted))
        rows, total = await self._database.page(feedback, where, limit=limit, offset=offset)
        return [feedback_of(row) for row in rows], total

    async def export(
        self, tenant_id: str, wanted: FeedbackFilter, *, page: int = 500
    ) -> AsyncIterator[Feedback]:
        """All that match, oldest first; `page` of them in memory at a time."""
        where = tenant_filters(feedback, tenant_id, asdict(wanted))
        async for row in self._database.iterate(feedback, where, page=page):
            yield feedback_of(row)

    async def corrections(self, tenant_id: str, kind: CorrectionKind) -> Sequence[Correction]:
        """What the tenant has settled, by key."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(corrections)
                .where(corrections.c.tenant_id == tenant_id, corrections.c.kind == kind)
                .order_by(corrections.c.key)
            )
            return [
                Correction(
                    kind=CorrectionKind(row.kind), key=row.key, name=row.name, value=row.value
                )
                for row in rows
            ]

    async def version(self, tenant_id: str) -> str | None:
        """Changes with each correction of the tenant; None before the first."""
        return await self._asked_for.submit(tenant_id)

    async def _versions(self, tenant_ids: Sequence[str]) -> Sequence[str | None]:
        async with self._database.read() as connection:
            rows = await connection.execute(_VERSIONS, {"tenant_ids": list(set(tenant_ids))})
            found = {row.tenant_id: row.version for row in rows}
        return [found.get(tenant_id) for tenant_id in tenant_ids]

    def _upsert(self, connection: Connection, table: Table, **values: Any) -> None:
        new = self._database.insert(table).values(**values)
        keys = [column.name for column in table.primary_key]
        connection.execute(
            new.on_conflict_do_update(
                index_elements=keys,
                set_={name: new.excluded[name] for name in values if name not in keys},
            )
        )


def feedback_of(row: Row[Any]) -> Feedback:
    """The feedback that a row of its table holds."""
    return Feedback(**{**row._mapping, "rating": Rating(row.rating)})
