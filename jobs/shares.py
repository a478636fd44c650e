"""Who is served next: a fair share of the free slots for each tenant that waits."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, exists, func, select

from jobs.job import JobStatus, Priority
from jobs.tables import jobs
from jobs.transitions import has_status, under_way


def share(
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


def in_line(priority: Priority) -> ColumnElement[bool]:
    """The queued jobs of one priority."""
    return and_(has_status(JobStatus.QUEUED), jobs.c.priority == priority)


def running_by_tenant(connection: Connection) -> Mapping[str, int]:
    """How many jobs of each tenant run."""
    # Counted here: to group them, SQLite would walk an index of all jobs in the tenants' order.
    return Counter(connection.scalars(select(jobs.c.tenant_id).where(under_way())))


def tenants_in_turn(
    connection: Connection,
    tenant: Column[str],
    line: ColumnElement[bool],
    due: ColumnElement[bool],
    *,
    after: str,
    most: int,
) -> Sequence[str]:
    """Tenants with something due in the line, in the order of their turns: those that sort after
    `after`, and then from the start again. `tenant` is the column that says whose a row is; an
    index of the line begins with it.
    """
    found: list[str] = []
    for start in dict.fromkeys((after, "")):
        if len(found) < most:
            found += connection.scalars(_step(tenant, line, due, after=start, most=most))
    return list(dict.fromkeys(found))[:most]


def _step(
    tenant: Column[str],
    line: ColumnElement[bool],
    due: ColumnElement[bool],
    *,
    after: str,
    most: int,
) -> Select[tuple[str]]:
    """From tenant to tenant by one look into the index each, however long their lines are (a loose
    index scan, which neither database does by itself).
    """
    first = select(func.min(tenant).label("tenant_id")).where(line, tenant > after)
    tenants = first.cte("tenants", recursive=True)
    following = (
        select(func.min(tenant))
        .where(line, tenant > tenants.c.tenant_id)
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
            exists().where(line, tenant == tenants.c.tenant_id, due),
        )
        .limit(most)
    )
