"""Schemas of webhooks."""

from typing import Self

from pydantic import Field

from deployments.http.schemas.common import AnswerModel, ApiModel, Name, rfc3339
from jobs.queue.job import Job
from jobs.queue.webhook_outbox import Webhook, WebhookStatus


class WebhookResponse(AnswerModel):
    """The call of a job's callback_url."""

    url: str
    status: WebhookStatus = Field(
        description="waiting until the job has ended, then pending until the receiver has answered "
        "2xx (delivered) or the attempts are used up (failed)."
    )
    webhook_id: str | None = Field(
        description="The header webhook-id, the same on every attempt; null while waiting."
    )
    attempts: int = Field(description="Attempts since the job ended, or since the last resend.")
    response_status: int | None = Field(
        description="HTTP status of the last attempt's answer; null without one."
    )
    error_message: str | None = Field(description="The reason why the last attempt failed.")
    attempted_at: str | None = Field(description="End of the last attempt.")
    next_attempt_at: str | None = Field(description="Null unless pending.")

    @classmethod
    def of(cls, job: Job, webhook: Webhook | None) -> Self | None:
        """Build the body from the job's newest webhook; None when it has no callback_url."""
        if job.callback_url is None:
            return None
        if webhook is None or webhook.version != job.version:  # the job was queued again
            return cls(
                url=job.callback_url,
                status=WebhookStatus.WAITING,
                webhook_id=None,
                attempts=0,
                response_status=None,
                error_message=None,
                attempted_at=None,
                next_attempt_at=None,
            )
        is_pending = webhook.status is WebhookStatus.PENDING
        return cls(
            url=webhook.url,
            status=webhook.status,
            webhook_id=webhook.id,
            attempts=webhook.attempts,
            response_status=webhook.response_status,
            error_message=webhook.error_message,
            attempted_at=rfc3339(webhook.attempted_at) if webhook.attempted_at else None,
            next_attempt_at=rfc3339(webhook.due_at) if is_pending else None,
        )


class PingRequest(ApiModel):
    """A receiver to try out."""

    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    callback_url: str = Field(
        max_length=2000,
        description="Called now; http or https.",
        examples=["https://app.example/webhooks/sidecar"],
    )


class PingResponse(AnswerModel):
    """The receiver's answer to an event `webhook.ping`, which is sent once."""

    webhook_id: str
    delivered: bool = Field(description="Whether the receiver answered 2xx.")
    response_status: int | None = Field(description="Null when nothing answered.")
    error_message: str | None
    latency_ms: float
