"""Steps of the system's clock: leases and delays are stored as times of day, which others set.

NTP, an operator or a virtual machine that is resumed may set the clock by hours. A step forward
makes every lease look expired, and a step back makes jobs wait that are due. The monotonic clock
of the process tells a step from time that has passed.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, and_, update

from jobs.queue.transitions import queued_jobs, running_jobs
from jobs.storage.schema import jobs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ClockWatch:
    """Compares a clock with the monotonic one."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        tolerance: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._tolerance = tolerance
        self._offset = self._measure()

    def step(self) -> timedelta:
        """Return by how much the clock was set since the last call; zero within the tolerance."""
        offset = self._measure()
        step, self._offset = offset - self._offset, offset
        return step if abs(step) > self._tolerance else timedelta()

    def _measure(self) -> timedelta:
        """Return the clock's distance from the monotonic one."""
        return self._clock() - _EPOCH - timedelta(seconds=self._monotonic())


def shorten_waits(
    connection: Connection, now: datetime, *, lease: timedelta, max_delay: timedelta
) -> int:
    """Shorten what lasts longer than it could if the clock had not been set back.

    A running job's lease ends after `lease` from now at most, so its worker has that long to renew
    it; a queued job that would wait longer than `max_delay` is due. Returns the number of jobs.
    """
    long_leases = and_(running_jobs(), jobs.c.lease_expires_at > now + lease)
    long_waits = and_(queued_jobs(), jobs.c.due_at > now + max_delay)
    return sum(
        connection.execute(statement).rowcount
        for statement in (
            update(jobs).where(long_leases).values(lease_expires_at=now + lease),
            update(jobs).where(long_waits).values(due_at=now),
        )
    )
