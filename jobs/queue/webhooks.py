"""Webhooks: calls to the callback_url of finished jobs, from an outbox table.

The outbox row is written in the transaction that finished the job, so delivery is at least once,
whatever crashes. Headers and signature follow Standard Webhooks 1.0 (standardwebhooks.com):
`webhook-id` is the same on every attempt, and `webhook-signature` covers id, time and body.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, and_, bindparam, select, tuple_, update

from jobs.queue.clock_steps import StepDetector, shorten_webhook_waits
from jobs.queue.fair_scheduling import TenantLane, allocate_slots
from jobs.queue.job import JobStatus, Review
from jobs.queue.queue import utc_now
from jobs.queue.webhook_messages import message
from jobs.queue.webhook_outbox import webhook_id
from jobs.storage.database import Database
from jobs.storage.schema import job_events, jobs, webhooks
from sidecar.core.backoff import Backoff
from sidecar.core.errors import BadRequest, DatabaseUnavailable
from sidecar.core.settings import Settings
from sidecar.core.ssrf import post
from sidecar.core.standard_webhooks import signed_headers

log = logging.getLogger(__name__)

#: Deliveries in flight at once, in all and of one tenant: a receiver that never responds blocks
#: no more than the latter.
MAX_CONCURRENT = 32
MAX_CONCURRENT_PER_TENANT = 4

_LANE = TenantLane(
    tenant=webhooks.c.tenant_id,
    pending=webhooks.c.ended_at.is_(None),
    due=webhooks.c.due_at <= bindparam("now"),
)


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery:
    """A webhook that is due."""

    job_id: str
    version: int  # of the status change that it reports
    tenant_id: str
    feature: str
    status: JobStatus
    error_code: str | None
    finished_at: datetime
    url: str
    attempts: int  # made before this one
    review: Review | None = None  # None: the job has ended

    @property
    def id(self) -> str:
        """The `webhook-id`: the same on every attempt, and unique to this webhook."""
        return webhook_id(self.job_id, self.version)

    def body(self) -> bytes:
        """Return the JSON body: how the job finished or was reviewed, without its result."""
        data = {
            "job_id": self.job_id,
            "tenant_id": self.tenant_id,
            "feature": self.feature,
            "status": self.status,
            "error_code": self.error_code,
        }
        if self.review is not None:
            return message("job.reviewed", self.finished_at, {**data, "review": self.review})
        return message(f"job.{self.status}", self.finished_at, data)


#: Posts a body with headers to a URL and returns the response's status; raises BadRequest.
Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]


class WebhookDispatcher:
    """Delivers the webhooks of one database; several processes share them."""

    def __init__(
        self,
        database: Database,
        *,
        send: Send,
        keys: Sequence[bytes] = (),
        max_attempts: int = 12,
        backoff: Backoff | None = None,
        lease: timedelta = timedelta(minutes=1),
        poll_s: float = 1.0,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a dispatcher that signs with each of the keys.

        `lease` is how long a claimed webhook stays this process's: longer than `send` takes.
        """
        self._database = database
        self._send = send
        self._keys = keys
        self._max_attempts = max_attempts
        self._backoff = backoff or Backoff(base_s=5.0, cap_s=3600.0)
        self._lease = lease
        self._poll_s = poll_s
        self._clock = clock
        self._steps = StepDetector(clock, tolerance=lease / 4, monotonic=monotonic)
        self._in_flight: dict[asyncio.Task[None], str] = {}  # with the tenant of each
        self._last_served = ""  # a tenant

    @classmethod
    def configured(cls, database: Database, settings: Settings) -> "WebhookDispatcher":
        """Return a dispatcher with the service's settings that posts over the network."""
        timeout_s = settings.url_timeout_s
        networks = settings.ssrf_allowed_networks
        return cls(
            database,
            send=lambda url, body, headers: post(
                url, body, headers, timeout_s=timeout_s, allowed_networks=networks
            ),
            keys=settings.webhook.keys,
            max_attempts=settings.webhook.max_attempts,
            backoff=Backoff(base_s=settings.webhook.retry_backoff_base_s, cap_s=3600.0),
            lease=timedelta(seconds=2 * timeout_s + 30),
        )

    async def run(self) -> None:
        """Deliver due webhooks until cancelled."""
        try:
            while True:
                started = 0
                try:
                    started = await self._start_due()
                except DatabaseUnavailable:
                    log.warning("the database does not answer; webhooks are delayed")
                except Exception:
                    log.exception("webhook delivery crashed")  # jobs must go on
                if started:  # more may be due, for the next free slot
                    await asyncio.wait(
                        self._in_flight, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED
                    )
                else:
                    await asyncio.sleep(self._poll_s)
        finally:
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def deliver(self) -> int:
        """Deliver one batch of due webhooks concurrently and return how many."""
        started = await self._start_due()
        await asyncio.gather(*self._in_flight)
        return started

    async def _start_due(self) -> int:
        await self._shorten_waits()
        deliveries = await self._claim_due()
        for delivery in deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._in_flight[task] = delivery.tenant_id
            task.add_done_callback(self._on_done)
        return len(deliveries)

    async def _shorten_waits(self) -> None:
        """Shorten what waits for hours because the clock was set back."""
        self._steps.was_set()
        if not self._steps.unmended:
            return
        work = partial(
            shorten_webhook_waits,
            now=self._clock(),
            lease=self._lease,
            backoff=self._backoff,
            max_attempts=self._max_attempts,
        )
        await self._database.write(work)
        self._steps.unmended = False

    def _on_done(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        # A delivery without a recorded result is due again when its lease expires.
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhook result was not recorded", exc_info=error)

    async def _claim_due(self) -> Sequence[WebhookDelivery]:
        """Claim due webhooks for the free slots, with a fair share for each tenant."""
        slots = MAX_CONCURRENT - len(self._in_flight)
        if not slots:
            return []
        now = self._clock()
        running = Counter(self._in_flight.values())
        async with self._database.read() as connection:
            # Most polls find nothing and then don't take the write lock.
            tenants = await connection.run_sync(
                _LANE.next_tenants, after=self._last_served, limit=slots + len(running), now=now
            )
        allocated = allocate_slots(tenants, running, slots=slots, cap=MAX_CONCURRENT_PER_TENANT)
        if not allocated:
            return []
        self._last_served = allocated[-1]

        def work(connection: Connection) -> Sequence[WebhookDelivery]:
            return [
                delivery
                for tenant_id, limit in Counter(allocated).items()
                for delivery in self._claim_first(connection, tenant_id, limit, now)
            ]

        return await self._database.write(work)

    def _claim_first(
        self, connection: Connection, tenant_id: str, limit: int, now: datetime
    ) -> Sequence[WebhookDelivery]:
        """Claim one tenant's first due webhooks."""
        key = tuple_(webhooks.c.job_id, webhooks.c.version)
        first = (
            select(webhooks.c.job_id, webhooks.c.version)
            .where(_LANE.pending, webhooks.c.tenant_id == tenant_id, webhooks.c.due_at <= now)
            .order_by(webhooks.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        locked = first.cte("first").prefix_with("MATERIALIZED", dialect="postgresql")
        claimed = connection.execute(
            update(webhooks)
            .where(key.in_(select(locked.c.job_id, locked.c.version)))
            .values(due_at=now + self._lease, attempts=webhooks.c.attempts + 1)
            .returning(webhooks.c.job_id, webhooks.c.version)
        )
        keys = [(row.job_id, row.version) for row in claimed]
        if not keys:
            return []
        rows = connection.execute(
            select(
                webhooks.c.job_id,
                webhooks.c.version,
                webhooks.c.tenant_id,
                webhooks.c.url,
                (webhooks.c.attempts - 1).label("attempts"),
                jobs.c.feature,
                job_events.c.status,
                job_events.c.error_code,
                job_events.c.review,
                job_events.c.created_at.label("finished_at"),
            )
            .join(jobs, jobs.c.id == webhooks.c.job_id)
            .join(
                job_events,
                and_(
                    job_events.c.job_id == webhooks.c.job_id,
                    job_events.c.version == webhooks.c.version,
                ),
            )
            .where(key.in_(keys))
        )
        return [
            WebhookDelivery(
                **{
                    **row._mapping,
                    "status": JobStatus(row.status),
                    "review": Review(row.review) if row.review else None,
                }
            )
            for row in rows
        ]

    async def _deliver(self, delivery: WebhookDelivery) -> None:
        """Send a webhook and record the result."""
        body = delivery.body()
        error_message: str | None = None
        status: int | None = None
        try:
            status = await self._send(
                delivery.url, body, signed_headers(delivery.id, body, self._clock(), self._keys)
            )
            if not 200 <= status < 300:
                error_message = f"The URL answered with status {status}."
        except BadRequest as error:
            error_message = error.message
        now = self._clock()
        exhausted = delivery.attempts + 1 >= self._max_attempts
        row = and_(webhooks.c.job_id == delivery.job_id, webhooks.c.version == delivery.version)
        values = {
            "ended_at": now if error_message is None or exhausted else None,
            "delivered": error_message is None,
            "due_at": now + self._backoff.delay(delivery.attempts + 1),
            "response_status": status,
            "error_message": error_message,
            "attempted_at": now,
        }

        def record(connection: Connection) -> None:
            connection.execute(update(webhooks).where(row).values(**values))

        await self._database.write(record)
        if error_message is not None:
            log.warning(
                "webhook failed",
                extra={
                    "job_id": delivery.job_id,
                    "attempt": delivery.attempts + 1,
                    "given_up": exhausted,
                },
            )
