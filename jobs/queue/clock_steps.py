"""Steps of the system's clock: leases and delays are stored as times of day, which others set.

NTP, an operator or a virtual machine that is resumed may set the clock by hours. A step forward
makes every lease look expired, and a step back makes jobs and webhooks wait that are due. The
monotonic clock of the process tells a step from time that has passed.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, and_, update

from jobs.queue.transitions import queued_jobs, running_jobs
from jobs.storage.database import Database
from jobs.storage.schema import jobs, webhooks
from sidecar.core.backoff import Backoff

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StepDetector:
    """Compares a clock with the monotonic one.

    `unmended` says that stored times may be wrong: at first, since the clock may have been set
    before this process, and after each step until the caller has mended them and resets it.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        tolerance: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Steps of at most `tolerance` are none."""
        self._clock = clock
        self._tolerance = tolerance
        self._monotonic = monotonic
        self._offset = self._measure()
        self.unmended = True

    def was_set(self) -> bool:
        """Return whether the clock was set since the last call."""
        offset = self._measure()
        step, self._offset = offset - self._offset, offset
        if abs(step) <= self._tolerance:
            return False
        log.warning("the clock was set", extra={"by_s": step.total_seconds()})
        self.unmended = True
        return True

    def _measure(self) -> timedelta:
        """Return the clock's distance from the monotonic one."""
        return self._clock() - _EPOCH - timedelta(seconds=self._monotonic())


class ClockWatch:
    """Mends the times of a queue's jobs after a step of the clock."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        lease: timedelta,
        max_delay: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lease` is how long a claim lasts, `max_delay` the longest time before a retry."""
        self._clock = clock
        self._monotonic = monotonic
        self._lease = lease
        self._max_delay = max_delay
        self._steps = StepDetector(clock, tolerance=lease / 4, monotonic=monotonic)
        self._trusted_after = monotonic()

    async def can_trust_leases(self, database: Database) -> bool:
        """Return whether an expired lease is that of a dead worker.

        It is not for the time of a lease after the clock was set, in which the living renew theirs.
        """
        if self._steps.was_set():
            self._trusted_after = self._monotonic() + self._lease.total_seconds()
        if self._steps.unmended:
            await database.write(
                partial(
                    shorten_waits, now=self._clock(), lease=self._lease, max_delay=self._max_delay
                )
            )
            self._steps.unmended = False
        return self._monotonic() >= self._trusted_after


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


def shorten_webhook_waits(
    connection: Connection,
    now: datetime,
    *,
    lease: timedelta,
    backoff: Backoff,
    max_attempts: int,
) -> int:
    """Make webhooks due after `lease` that would wait longer than their attempts can have caused.

    Not at once: one of them may be in flight, with a lease from before the step. Returns the number
    of webhooks.
    """
    changed = 0
    for attempts in range(max_attempts + 1):
        longest = max(lease, timedelta(seconds=backoff.ceiling_s(attempts) if attempts else 0))
        waits = and_(
            webhooks.c.ended_at.is_(None),
            webhooks.c.attempts == attempts,
            webhooks.c.due_at > now + longest,
        )
        due = update(webhooks).where(waits).values(due_at=now + lease)
        changed += connection.execute(due).rowcount
    return changed
