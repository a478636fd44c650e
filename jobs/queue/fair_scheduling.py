"""Max-min fair scheduling: each waiting tenant gets a fair share of the free slots."""

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
    tenants: Sequence[str], running: Mapping[str, int], *, slots: int, cap: int | None
) -> Sequence[str]:
    """Return the tenant of each free slot, in the order to start (max-min fairness).

    Each slot goes to the tenant with the fewest jobs running, those just allocated included, and
    of several to the first in `tenants`. No tenant gets above `cap` running jobs. When all are at
    the cap, fewer tenants than slots are returned.
    """
    load = {tenant: running.get(tenant, 0) for tenant in tenants}
    allocated: list[str] = []
    for _ in range(slots):
        below_cap = [tenant for tenant in tenants if cap is None or load[tenant] < cap]
        if not below_cap:
            break
        tenant = min(below_cap, key=load.__getitem__)
        load[tenant] += 1
        allocated.append(tenant)
    return allocated


def running_by_tenant(connection: Connection) -> Mapping[str, int]:
    """Return the number of running jobs by tenant."""
    # Counted here: to group them, SQLite would walk an index of all jobs in the tenants' order.
    return Counter(connection.scalars(_RUNNING))


@dataclass(frozen=True, eq=False)
class TenantLane:
    """A queue of rows of many tenants, with an index of the pending ones that begins with `tenant`.

    Its statements are built once: building one takes longer than running it.
    """

    tenant: Column[str]  # the tenant_id of a row
    pending: ColumnElement[bool]
    due: ColumnElement[bool]  # may have parameters

    def next_tenants(
        self, connection: Connection, /, *, after: str, limit: int, **parameters: Any
    ) -> Sequence[str]:
        """Return tenants with due rows, round-robin: those that sort after `after`, then the rest.

        `parameters` are those of `due`.
        """
        tenants: list[str] = []
        for start in dict.fromkeys((after, "")):
            if len(tenants) < limit:
                tenants += connection.scalars(
                    self._statement, {"after": start, "limit": limit, **parameters}
                )
        return list(dict.fromkeys(tenants))[:limit]

    @cached_property
    def _statement(self) -> Select[tuple[str]]:
        """A loose index scan, which neither database does by itself.

        It steps from tenant to tenant with one index lookup each, however many rows they have.
        """
        first = select(func.min(self.tenant).label("tenant_id")).where(
            self.pending, self.tenant > bindparam("after")
        )
        tenants = first.cte("tenants", recursive=True)
        following = (
            select(func.min(self.tenant))
            .where(self.pending, self.tenant > tenants.c.tenant_id)
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
                exists().where(self.pending, self.tenant == tenants.c.tenant_id, self.due),
            )
            .limit(bindparam("limit"))
        )
