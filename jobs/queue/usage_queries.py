"""Each tenant's use of the service over the last days, for operators.

Results are counted in an index by tenant and id, whose ids sort by time, so no result is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.database import Database
from jobs.storage.schema import artifacts, blobs
from sidecar.core.ids import id_lower_bound

#: Tenants that are listed: those with the most results.
MAX_TENANTS: Final = 50
#: Tenants whose results are counted for each day.
MAX_DAILY: Final = 5


@dataclass(frozen=True, kw_only=True)
class TenantUse:
    """What one tenant used."""

    tenant_id: str
    results: int  # artifacts, those of failures included
    prompt_tokens: int  # of chats
    completion_tokens: int
    image_bytes: int  # stored now, however old
    daily: Sequence[int]  # results a day, oldest first; empty where it isn't counted


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The tenants with the most results, and the days of all tenants together."""

    tenants: Sequence[TenantUse]
    daily: Sequence[int]  # results a day, oldest first, the last one until now
    tenant_count: int


class UsageQueries:
    """Read-only queries of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self, now: datetime, days: int) -> Usage:
        """Return the use in the last `days` days in UTC, of which today is the last."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        starts = [midnight - timedelta(days=days - 1 - day) for day in range(days)]
        since = artifacts.c.id >= id_lower_bound("art_", starts[0])
        output = self._database.readable_json(artifacts.c.output_payload)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(artifacts.c.tenant_id, func.count())
                .where(since)
                .group_by(artifacts.c.tenant_id)
            )
            results = {tenant_id: int(count) for tenant_id, count in rows}
            most = sorted(results, key=lambda tenant_id: (-results[tenant_id], tenant_id))
            tokens = await _tokens(connection, output, since)
            sizes = await connection.execute(
                select(blobs.c.tenant_id, func.sum(blobs.c.size))
                .where(blobs.c.tenant_id.in_(most[:MAX_TENANTS]))
                .group_by(blobs.c.tenant_id)
            )
            image_bytes = {tenant_id: int(size) for tenant_id, size in sizes}
            daily = {
                tenant_id: await _daily(connection, starts, artifacts.c.tenant_id == tenant_id)
                for tenant_id in most[:MAX_DAILY]
            }
            return Usage(
                tenants=[
                    TenantUse(
                        tenant_id=tenant_id,
                        results=results[tenant_id],
                        prompt_tokens=tokens.get(tenant_id, (0, 0))[0],
                        completion_tokens=tokens.get(tenant_id, (0, 0))[1],
                        image_bytes=image_bytes.get(tenant_id, 0),
                        daily=daily.get(tenant_id, ()),
                    )
                    for tenant_id in most[:MAX_TENANTS]
                ],
                daily=await _daily(connection, starts),
                tenant_count=len(most),
            )


async def _tokens(
    connection: AsyncConnection, output: ColumnElement[Any], since: ColumnElement[bool]
) -> Mapping[str, tuple[int, int]]:
    """Return each tenant's tokens of prompts and of completions; `output` is the JSON of both."""
    usage = output["usage"]
    rows = await connection.execute(
        select(
            artifacts.c.tenant_id,
            func.sum(usage["prompt_tokens"].as_integer()),
            func.sum(usage["completion_tokens"].as_integer()),
        )
        .where(artifacts.c.feature == "chat_completion", artifacts.c.success, since)
        .group_by(artifacts.c.tenant_id)
    )
    return {tenant_id: (prompt or 0, completion or 0) for tenant_id, prompt, completion in rows}


async def _daily(
    connection: AsyncConnection, starts: Sequence[datetime], *where: ColumnElement[bool]
) -> Sequence[int]:
    """Return the number of results on each day, by one range of the index a day."""
    bounds = [id_lower_bound("art_", start) for start in [*starts, starts[-1] + timedelta(days=1)]]
    counts = union_all(
        *(
            select(literal(day).label("day"), func.count().label("results")).where(
                and_(artifacts.c.id >= bounds[day], artifacts.c.id < bounds[day + 1], *where)
            )
            for day in range(len(starts))
        )
    )
    rows = await connection.execute(counts)
    by_day = {int(day): int(results) for day, results in rows}
    return [by_day.get(day, 0) for day in range(len(starts))]
