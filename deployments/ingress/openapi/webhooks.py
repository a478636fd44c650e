"""The calls that the service makes to a callback_url, for the OpenAPI document."""

from typing import Any, Final

from jobs.queue.job import FINAL

_HEADERS: Final = {
    "webhook-id": "The same on every attempt: drop duplicates by it.",
    "webhook-timestamp": "Unix time of the attempt, in seconds.",
    "webhook-signature": "v1 signatures by Standard Webhooks, one for each secret, separated by "
    "blanks; missing without a secret.",
}


def webhooks() -> dict[str, Any]:
    """Return OpenAPI's `webhooks`: one for each way in which a job ends, and the ping."""
    job = {
        "job_id": {"type": "string"},
        "tenant_id": {"type": "string"},
        "feature": {"type": "string"},
        "status": {"type": "string", "enum": sorted(FINAL)},
        "error_code": {"type": ["string", "null"]},
    }
    return {
        **{
            f"job.{status}": _webhook(f"job.{status}", f"A job has {_past(status)}.", job)
            for status in sorted(FINAL)
        },
        "job.reviewed": _webhook(
            "job.reviewed",
            "Somebody has corrected or confirmed a receipt.",
            {**job, "review": {"type": "string"}},
        ),
        "webhook.ping": _webhook(
            "webhook.ping", "A receiver is tried out.", {"tenant_id": {"type": "string"}}
        ),
    }


def _past(status: str) -> str:
    return "been cancelled" if status == "cancelled" else status


def _webhook(type_: str, summary: str, data: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": type_, "description": "The event."},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened, RFC 3339 in UTC.",
            },
            "data": {
                "type": "object",
                "title": "Job",
                "description": "What it happened to.",
                "required": list(data),
                "properties": data,
            },
        },
    }
    parameters = [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in _HEADERS.items()
    ]
    return {
        "post": {
            "summary": summary,
            "parameters": parameters,
            "requestBody": {"content": {"application/json": {"schema": body}}},
            "responses": {"2XX": {"description": "Delivered; anything else is retried."}},
        }
    }
