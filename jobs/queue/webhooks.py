"""Calls to the callback_url of jobs that have ended, from the outbox that their end left.

The row is written in the transaction that ended the job; so a call is made at least once, whatever
dies. Headers and signature are those of Standard Webhooks 1.0 (standardwebhooks.com): `webhook-id`
is the same each time a call is tried again, and `webhook-signature` covers the id, the time and the
body.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, and_, bindparam, select, tuple_, update

from jobs.queue.fair_scheduling import TenantLane, allocate_slots
from jobs.queue.job import JobStatus
from jobs.queue.queue import utc_now
from jobs.storage import schema
from jobs.storage.database import Database
from jobs.storage.schema import job_events, jobs
from sidecar.core.backoff import Backoff
from sidecar.core.errors import BadRequest, DatabaseUnavailable
from sidecar.core.settings import Settings
from sidecar.core.ssrf import post

log = logging.getLogger(__name__)

webhooks = schema.webhooks

#: Calls under way at once, and of one tenant: a receiver that answers nobody takes no more.
MAX_CONCURRENT = 32
MAX_CONCURRENT_PER_TENANT = 4

_LINE = TenantLane(
    tenant=webhooks.c.tenant_id,
    waiting=webhooks.c.ended_at.is_(None),
    due=webhooks.c.due_at <= bindparam("now"),
)


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery:
    """One call that is due."""

    job_id: str
    version: int  # of the change that it tells of
    tenant_id: str
    feature: str
    status: JobStatus
    error_code: str | None
    ended_at: datetime
    url: str
    attempts: int  # made before this one

    @property
    def id(self) -> str:
        """The same for each attempt, and for no other call."""
        return f"{self.job_id}.{self.version}"

    def body(self) -> bytes:
        """What is sent: that the job has ended, and how; the result is fetched with the job."""
        return json.dumps(
            {
                "type": f"job.{self.status}",
                "timestamp": self.ended_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "data": {
                    "job_id": self.job_id,
                    "tenant_id": self.tenant_id,
                    "feature": self.feature,
                    "status": self.status,
                    "error_code": self.error_code,
                },
            }
        ).encode()


def signed_headers(call_id: str, body: bytes, now: datetime, secret: str) -> Mapping[str, str]:
    """The headers of a call; without a secret there is no signature."""
    timestamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        "webhook-id": call_id,
        "webhook-timestamp": timestamp,
    }
    if secret:
        signed = f"{call_id}.{timestamp}.".encode() + body
        digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


#: Sends a body with headers to a URL and gives the status of the answer; raises BadRequest.
Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]


class WebhookDispatcher:
    """Makes the calls of one database; several processes share them."""

    def __init__(
        self,
        database: Database,
        *,
        send: Send,
        secret: str = "",
        max_attempts: int = 12,
        backoff: Backoff | None = None,
        hold: timedelta = timedelta(minutes=1),
        poll_s: float = 1.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`hold` is how long a call is this process's own: longer than `send` may take."""
        self._database = database
        self._send = send
        self._secret = secret
        self._max_attempts = max_attempts
        self._backoff = backoff or Backoff(base_s=5.0, cap_s=3600.0)
        self._hold = hold
        self._poll_s = poll_s
        self._clock = clock
        self._under_way: dict[asyncio.Task[None], str] = {}  # whose each is
        self._served = ""  # the tenant whose turn was last

    @classmethod
    def configured(cls, database: Database, settings: Settings) -> "WebhookDispatcher":
        """With the service's settings and the real network."""
        timeout_s = settings.url_timeout_s
        networks = settings.ssrf_allowed_networks
        return cls(
            database,
            send=lambda url, body, headers: post(
                url, body, headers, timeout_s=timeout_s, allowed_networks=networks
            ),
            secret=settings.webhook.secret,
            max_attempts=settings.webhook.max_attempts,
            backoff=Backoff(base_s=settings.webhook.retry_backoff_base_s, cap_s=3600.0),
            hold=timedelta(seconds=2 * timeout_s + 30),
        )

    async def run(self) -> None:
        """Makes what calls are due, until it is cancelled."""
        try:
            while True:
                begun = 0
                try:
                    begun = await self._begin()
                except DatabaseUnavailable:
                    log.warning("the database does not answer; the calls wait")
                except Exception:
                    log.exception("the calls broke off")  # the jobs must go on
                if begun:  # there may be more, for the first of them that is over
                    await asyncio.wait(
                        self._under_way, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED
                    )
                else:
                    await asyncio.sleep(self._poll_s)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def deliver(self) -> int:
        """Makes the calls that are due, some at once; how many it made."""
        begun = await self._begin()
        await asyncio.gather(*self._under_way)
        return begun

    async def _begin(self) -> int:
        """Begins calls that are due, as many as there is room for; how many."""
        calls = await self._take()
        for call in calls:
            task = asyncio.create_task(self._make(call))
            self._under_way[task] = call.tenant_id
            task.add_done_callback(self._made)
        return len(calls)

    def _made(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        # What was not settled is due again when this process's hold on it is over.
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the end of a call was not recorded", exc_info=error)

    async def _take(self) -> Sequence[WebhookDelivery]:
        """Calls that are due, now this process's own for a while. Each tenant has its share."""
        slots = MAX_CONCURRENT - len(self._under_way)
        if not slots:
            return []
        now = self._clock()
        busy = Counter(self._under_way.values())
        async with self._database.read() as connection:
            # Most looks find nothing, and then the write lock is left alone.
            tenants = await connection.run_sync(
                _LINE.next_tenants, after=self._served, most=slots + len(busy), now=now
            )
        turns = allocate_slots(tenants, busy, slots=slots, cap=MAX_CONCURRENT_PER_TENANT)
        if not turns:
            return []
        self._served = turns[-1]

        def work(connection: Connection) -> Sequence[WebhookDelivery]:
            return [
                call
                for tenant_id, most in Counter(turns).items()
                for call in self._hold_first(connection, tenant_id, most, now)
            ]

        return await self._database.write(work)

    def _hold_first(
        self, connection: Connection, tenant_id: str, most: int, now: datetime
    ) -> Sequence[WebhookDelivery]:
        """The first of one tenant's calls that are due, held until they should be over."""
        key = tuple_(webhooks.c.job_id, webhooks.c.version)
        first = (
            select(webhooks.c.job_id, webhooks.c.version)
            .where(_LINE.waiting, webhooks.c.tenant_id == tenant_id, webhooks.c.due_at <= now)
            .order_by(webhooks.c.due_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        picked = first.cte("first").prefix_with("MATERIALIZED", dialect="postgresql")
        taken = connection.execute(
            update(webhooks)
            .where(key.in_(select(picked.c.job_id, picked.c.version)))
            .values(due_at=now + self._hold, attempts=webhooks.c.attempts + 1)
            .returning(webhooks.c.job_id, webhooks.c.version)
        )
        keys = [(row.job_id, row.version) for row in taken]
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
                job_events.c.created_at.label("ended_at"),
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
            WebhookDelivery(**{**row._mapping, "status": JobStatus(row.status)}) for row in rows
        ]

    async def _make(self, call: WebhookDelivery) -> None:
        body = call.body()
        fault: str | None = None
        try:
            status = await self._send(
                call.url, body, signed_headers(call.id, body, self._clock(), self._secret)
            )
            if not 200 <= status < 300:
                fault = f"The URL answered with status {status}."
        except BadRequest as error:
            fault = error.message
        now = self._clock()
        spent = call.attempts + 1 >= self._max_attempts
        ended = fault is None or spent
        values = {
            "ended_at": now if ended else None,
            "delivered": fault is None,
            "due_at": now + self._backoff.delay(call.attempts + 1),
            "error_message": fault,
        }
        await self._database.write(partial(_settle, call, values))
        if fault is not None:
            log.warning(
                "call failed",
                extra={"job_id": call.job_id, "attempt": call.attempts + 1, "given_up": spent},
            )


def _settle(call: WebhookDelivery, values: Mapping[str, object], connection: Connection) -> None:
    connection.execute(
        update(webhooks)
        .where(webhooks.c.job_id == call.job_id, webhooks.c.version == call.version)
        .values(**values)
    )
