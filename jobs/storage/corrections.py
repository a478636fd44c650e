"""A tenant's corrections: looked up by keys, listed, counted and removed.

They are stored with the feedback that they come from (feedback.py).
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, delete, or_, select, update

from jobs.storage import schema
from jobs.storage.database import Database
from jobs.storage.feedback import Correction
from sidecar.core.errors import NotFound
from sidecar.core.ids import new_id
from sidecar.receipts.corrections.kinds import CorrectionKind

#: Corrections that are read at a time: a page occupies the event loop for a few milliseconds.
_PAGE: Final = 1_000
#: Keys in one query: SQLite and PostgreSQL limit the parameters of a statement.
_MAX_KEYS: Final = 500


@dataclass(frozen=True, kw_only=True)
class StoredCorrection(Correction):
    """A correction with its id, and the number of receipts that it has changed."""

    id: str
    feedback_id: str  # sorts by time
    receipts: int


_TABLE = schema.corrections
_COLUMNS = [_TABLE.c[name] for name in StoredCorrection.__dataclass_fields__]


class CorrectionStore:
    """The corrections in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lookup(
        self, tenant_id: str, keys: Mapping[CorrectionKind, Collection[str]]
    ) -> Mapping[tuple[CorrectionKind, str], StoredCorrection]:
        """Return the tenant's corrections with those keys, by kind and key."""
        wanted = [(kind, key) for kind, own in keys.items() for key in dict.fromkeys(own)]
        found = {}
        async with self._database.read() as connection:
            for start in range(0, len(wanted), _MAX_KEYS):
                by_kind: dict[CorrectionKind, list[str]] = {}
                for kind, key in wanted[start : start + _MAX_KEYS]:
                    by_kind.setdefault(kind, []).append(key)
                matches = or_(
                    *(
                        and_(_TABLE.c.kind == kind, _TABLE.c.key.in_(own))
                        for kind, own in by_kind.items()
                    )
                )
                rows = await connection.execute(
                    select(*_COLUMNS).where(_TABLE.c.tenant_id == tenant_id, matches)
                )
                for row in rows:
                    correction = _correction(row)
                    found[correction.kind, correction.key] = correction
        return found

    async def iterate(self, tenant_id: str) -> AsyncIterator[StoredCorrection]:
        """Yield all corrections of the tenant, by kind and key; no connection stays open between
        pages.
        """
        for kind in CorrectionKind:
            page = (
                select(*_COLUMNS)
                .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.kind == kind)
                .order_by(_TABLE.c.key)
                .limit(_PAGE)
            )
            async for correction in self._pages(page):
                yield correction

    async def labels(self, tenant_id: str, *, limit: int) -> Sequence[str]:
        """Return categories that the tenant has corrected names to."""
        async with self._database.read() as connection:
            labels = await connection.scalars(
                select(_TABLE.c.value)
                .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.kind == CorrectionKind.CATEGORY)
                .distinct()
                .order_by(_TABLE.c.value)
                .limit(limit)
            )
            return labels.all()

    async def count_receipt(self, tenant_id: str, ids: Collection[str]) -> None:
        """Record that one more receipt was changed by each of these corrections."""
        own = sorted(ids)[:_MAX_KEYS]
        await self._database.write(
            lambda connection: connection.execute(
                update(_TABLE)
                .where(_TABLE.c.tenant_id == tenant_id, _TABLE.c.id.in_(own))
                .values(receipts=_TABLE.c.receipts + 1)
            )
        )

    async def remove(self, tenant_id: str, correction_id: str, now: datetime) -> StoredCorrection:
        """Remove a correction and return it; raises NotFound when the tenant has no such one."""

        def work(connection: Connection) -> StoredCorrection:
            own = and_(_TABLE.c.tenant_id == tenant_id, _TABLE.c.id == correction_id)
            row = connection.execute(select(*_COLUMNS).where(own)).one_or_none()
            if row is None:
                raise NotFound("There is no such correction.")
            connection.execute(delete(_TABLE).where(own))
            versions = schema.correction_versions
            connection.execute(
                update(versions)
                .where(versions.c.tenant_id == tenant_id)
                .values(version=new_id("fb_", now))
            )
            return _correction(row)

        return await self._database.write(work)

    async def _pages(self, page: Select[Any]) -> AsyncIterator[StoredCorrection]:
        after = ""
        while True:
            async with self._database.read() as connection:
                rows = (await connection.execute(page.where(_TABLE.c.key > after))).all()
            for row in rows:
                yield _correction(row)
            if len(rows) < _PAGE:
                return
            after = rows[-1].key


def _correction(row: Row[*tuple[Any, ...]]) -> StoredCorrection:
    return StoredCorrection(**{**row._mapping, "kind": CorrectionKind(row.kind)})
