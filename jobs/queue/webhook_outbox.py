"""The webhooks of a job as its callers see them, and another delivery on request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, and_, select, update

from jobs.queue.job import FINAL
from jobs.queue.queue import utc_now
from jobs.queue.transitions import get_job
from jobs.storage.database import Database
from jobs.storage.schema import webhooks
from sidecar.core.errors import Conflict


class WebhookStatus(StrEnum):
    """The state of a webhook."""

    WAITING = "waiting"  # the job has not ended
    PENDING = "pending"  # an attempt is due, in flight or scheduled
    DELIVERED = "delivered"  # the receiver answered 2xx
    FAILED = "failed"  # its attempts are used up


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """The webhook about the last time that a job ended."""

    job_id: str
    version: int  # of the status change that it reports
    url: str
    attempts: int  # since the job's end, or since the last resend
    due_at: datetime
    attempted_at: datetime | None  # end of the last attempt
    ended_at: datetime | None  # delivered, or given up
    delivered: bool
    response_status: int | None  # of the last attempt; None when nothing answered
    error_message: str | None  # of the last attempt

    @property
    def id(self) -> str:
        """The header `webhook-id`, the same on every attempt and after a resend."""
        return webhook_id(self.job_id, self.version)

    @property
    def status(self) -> WebhookStatus:
        """The state; a webhook exists once its job has ended."""
        if self.ended_at is None:
            return WebhookStatus.PENDING
        return WebhookStatus.DELIVERED if self.delivered else WebhookStatus.FAILED


def webhook_id(job_id: str, version: int) -> str:
    """Return the `webhook-id` of the webhook about one status change of a job."""
    return f"{job_id}.{version}"


_COLUMNS = [webhooks.c[name] for name in Webhook.__dataclass_fields__]


class WebhookOutbox:
    """The webhooks in one database."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def latest(self, job_id: str) -> Webhook | None:
        """Return the job's newest webhook; None when it has not ended or has no callback_url."""
        async with self._database.read() as connection:
            return await connection.run_sync(_latest, job_id)

    async def resend(self, tenant_id: str, job_id: str) -> None:
        """Make the job's newest webhook due now, with all of its attempts.

        Raises:
            NotFound: when the tenant has no such job.
            Conflict: when the job has no callback_url or has not ended.
        """
        now = self._clock()

        def work(connection: Connection) -> None:
            job = get_job(connection, tenant_id, job_id, brief=True)
            if job.callback_url is None:
                raise Conflict("The job has no callback_url.")
            webhook = _latest(connection, job_id)
            if job.status not in FINAL or webhook is None:
                raise Conflict("The job has not ended; its callback_url is called when it has.")
            connection.execute(
                update(webhooks)
                .where(and_(webhooks.c.job_id == job_id, webhooks.c.version == webhook.version))
                .values(due_at=now, attempts=0, ended_at=None, delivered=False)
            )

        await self._database.write(work)


def _latest(connection: Connection, job_id: str) -> Webhook | None:
    row = connection.execute(
        select(*_COLUMNS)
        .where(webhooks.c.job_id == job_id)
        .order_by(webhooks.c.version.desc())
        .limit(1)
    ).one_or_none()
    return Webhook(**row._mapping) if row else None
