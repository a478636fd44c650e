"""What a job's page says about a receipt."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.dashboard.receipt_view import receipt_view
from jobs.queue.job import Job
from tests.unit.deployments.dashboard.test_router import IMAGE, output

NOW = datetime(2026, 1, 10, tzinfo=UTC)
JOB = Job(
    id="job_1",
    tenant_id="t",
    user_id=None,
    feature="receipt_extraction",
    priority=10,
    request_id="r",
    input_payload={"image": IMAGE},
    max_attempts=3,
    due_at=NOW,
    created_at=NOW,
    model_id="reader, vision-model",
    model_version="1",
    callback_url=None,
    traceparent=None,
)


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ({"merchant": "ocr", "line_items": "ocr"}, "nothing was taken from its reading."),
        ({"merchant": "vision", "date": "ocr", "total": "ocr"}, "come the merchant."),
        (
            {"merchant": "vision", "date": "vision", "total": "vision", "line_items": "vision"},
            "come the merchant, date and amounts and lines.",
        ),
    ],
)
def test_the_part_of_the_second_look_is_said(sources: dict[str, str], said: str) -> None:
    view = receipt_view(JOB, {**output("x"), "sources": sources})
    assert view is not None
    assert view.second_look is not None
    assert view.second_look.endswith(said)


@pytest.mark.parametrize("more", [{}, {"sources": {"merchant": "correction"}}])
def test_without_a_second_look_nothing_is_said_of_it(more: dict[str, Any]) -> None:
    view = receipt_view(replace(JOB, model_id="reader"), {**output("x"), **more})
    assert view is not None
    assert view.second_look is None
