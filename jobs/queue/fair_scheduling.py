"""Who is served next: a fair share of the free slots for each tenant that waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, bindparam, exists, func, select

from jobs.queue.transitions import running_jobs
from jobs.storage.schema import jobs

_RUNNING = select(jobs.c.tenant_id).where(running_jobs())


def allocate_slots(
    waiting: Sequence[str], running: Mapping[str, int], *, slots: int, cap: int | None
) -> Sequence[str]:
    """The tenants that the free slots go to, one entry a slot, in the order to start.

    Each slot goes to the tenant with the fewest jobs running, those just given counted; of several
    to the first in `waiting`, which is in the order of turns (max-min fairness). No tenant gets
    above `cap` jobs running. Fewer entries than slots come back when all are at the cap.
    """
    load = {tenant: running.get(tenant, 0) for tenant in waiting}
    served: list[str] = []
    for _ in range(slots):
        below = [tenant for tenant in waiting if cap is None or load[tenant] < cap]
        if not below:
            break
        tenant = min(below, key=load.__getitem__)
        load[tenant] += 1
        served.append(tenant)
    return served


def running_by_tenant(connection: Connection) -> Mapping[str, int]:
    """How many jobs of each tenant run."""
    # Counted here: to group them, SQLite would walk an index of all jobs in the tenants' order.
    return Counter(connection.scalars(_RUNNING))


@dataclass(frozen=True, eq=False)
class TenantLane:
    """Rows of tenants that wait; an index of those that are `waiting` begins with `tenant`.

    Its statements are built once, for that takes longer than they do.
    """

    tenant: Column[str]  # whose a row is
    waiting: ColumnElement[bool]
    due: ColumnElement[bool]  # may have parameters

    def next_tenants(
        self, connection: Connection, /, *, after: str, most: int, **parameters: Any
    ) -> Sequence[str]:
        """Tenants with something due in the line, in the order of their turns: those that sort
        after `after`, and then from the start again.
        """
        found: list[str] = []
        for start in dict.fromkeys((after, "")):
            if len(found) < most:
                found += connection.scalars(
                    self._step, {"after": start, "most": most, **parameters}
                )
        return list(dict.fromkeys(found))[:most]

    @cached_property
    def _step(self) -> Select[tuple[str]]:
        """From tenant to tenant by one look into the index each, however long their lines are (a
        loose index scan, which neither database does by itself).
        """
        first = select(func.min(self.tenant).label("tenant_id")).where(
            self.waiting, self.tenant > bindparam("after")
        )
        tenants = first.cte("tenants", recursive=True)
        following = (
            select(func.min(self.tenant))
            .where(self.waiting, self.tenant > tenants.c.tenant_id)
            .correlate(tenants)
            .scalar_subquery()
        )
        tenants = tenants.union_all(
            select(following).select_from(tenants).where(tenants.c.tenant_id.is_not(None))
        )
        return (
            select(tenants.c.tenant_id)
            .where(
                tenants.c.tenant_id.is_not(None),
                exists().where(self.waiting, self.tenant == tenants.c.tenant_id, self.due),
            )
            .limit(bindparam("most"))
        )
