"""The middleware's request ids, traces, body limits, metrics and log lines."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from deployments.ingress.draining import DrainGate
from deployments.ingress.middleware import RequestContextMiddleware
from sidecar.core.logging import JsonFormatter
from sidecar.core.metrics import INSTRUMENTS, NULL_METER
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import JPEG, SUBMISSION, TENANT, expect_error

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


MAX_BODY_BYTES = 1_000


async def test_a_request_id_is_echoed_or_generated(ingress: IngressClient) -> None:
    generated = await ingress.http.get("/health")
    assert generated.headers["x-request-id"].startswith("req_")
    error = await ingress.http.get("/nothing", headers={"x-request-id": "mine"})
    assert error.json()["request_id"] == "mine"


async def test_a_request_logs_one_line_without_its_payload(
    ingress: IngressClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="deployments"):
        await ingress.http.post("/api/v1/jobs", json=SUBMISSION)
    [record] = [record for record in caplog.records if record.getMessage() == "request"]
    line = JsonFormatter().format(record)
    fields = json.loads(line)
    assert fields["tenant_id"] == "t1"
    assert fields["feature"] == "receipt_extraction"
    assert (fields["method"], fields["path"]) == ("POST", "/api/v1/jobs")
    assert (fields["status"], fields["request_id"]) == (200, "r1")
    assert fields["latency_ms"] > 0
    assert "\n" not in line
    assert JPEG not in line


@pytest.mark.parametrize(("sent", "stored"), [(TRACEPARENT, TRACEPARENT), ("00-no-trace-01", None)])
async def test_a_job_stores_the_trace_of_its_request(
    ingress: IngressClient, caplog: pytest.LogCaptureFixture, sent: str, stored: str | None
) -> None:
    with caplog.at_level(logging.INFO, "deployments"):
        response = await ingress.http.post(
            "/api/v1/jobs", json=SUBMISSION, headers={"traceparent": sent}
        )
    job = await ingress.queue.get("t1", response.json()["id"])
    assert job.traceparent == stored
    [line] = [record for record in caplog.records if record.message == "request"]
    assert vars(line)["trace_id"] == (TRACE if stored else None)
    assert vars(line)["job_id"] == job.id


@pytest.mark.parametrize("path", ["jobs/%00", "jobs?feature=a%00", "artifacts?job_id=%00"])
async def test_a_url_with_a_nul_character_is_refused(ingress: IngressClient, path: str) -> None:
    response = await ingress.http.get(f"/api/v1/{path}", headers=TENANT)
    expect_error(response, 400, "bad_request", "NUL")


async def test_a_body_over_the_limit_is_refused_with_and_without_its_length(
    ingress: IngressClient,
) -> None:
    read = 0

    async def endless() -> Any:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    with_length = await ingress.http.post(
        "/api/v1/jobs", content=endless(), headers={"content-length": "60000000"}
    )
    expect_error(with_length, 413, "too_large", "20000")
    without_length = await ingress.http.post("/api/v1/jobs", content=endless())
    expect_error(without_length, 413, "too_large", "20000")


class SlowApp:
    """Reads the body at once, and responds when released."""

    def __init__(self) -> None:
        self.proceed = asyncio.Event()
        self.started = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.started.release()
        await self.proceed.wait()
        await PlainTextResponse("done")(scope, receive, send)


async def test_bodies_beyond_the_buffer_limit_are_refused_until_others_finish() -> None:
    slow = SlowApp()
    app = RequestContextMiddleware(
        slow,
        max_body_bytes=MAX_BODY_BYTES,
        authenticate=lambda scope: True,
        check_host=lambda host: None,
        new_request_id=lambda: "id",
        meter=NULL_METER,
        drain_gate=DrainGate(),
    )

    async def post() -> int:
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"a" * MAX_BODY_BYTES, "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
        await app(scope, receive, send)
        return int(messages[0]["status"])

    in_flight = [asyncio.create_task(post()) for _ in range(8)]
    async with asyncio.timeout(5):
        for _ in in_flight:
            await slow.started.acquire()
    assert await post() == 503
    slow.proceed.set()
    assert await asyncio.gather(*in_flight) == [200] * 8
    assert await post() == 200


class RecordingMeter:
    """Records values, and accepts only the instruments and tags of INSTRUMENTS."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], float] = {}
        self.observed: list[tuple[str, ...]] = []

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        assert set(tags) == set(INSTRUMENTS[name].tags)
        key = (name, *(tags[tag] for tag in INSTRUMENTS[name].tags))
        self.counts[key] = self.counts.get(key, 0) + value

    def set(self, name: str, value: float, /, **tags: str) -> None:
        raise AssertionError(f"a request sets no gauge: {name} {value} {tags}")

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        assert set(tags) == set(INSTRUMENTS[name].tags)
        assert value >= 0
        self.observed.append((name, *tags.values()))


@pytest.fixture
def meter() -> RecordingMeter:
    return RecordingMeter()


@pytest.fixture
async def metered(settings: Settings, meter: RecordingMeter) -> AsyncIterator[IngressClient]:
    async with serve_ingress(settings, meter=meter) as ingress:
        yield ingress


async def test_methods_that_callers_make_up_share_one_metric(
    metered: IngressClient, meter: RecordingMeter
) -> None:
    for number in range(3):
        await metered.http.request(f"METHOD{number}", "/health/live")
    assert {key[1] for key in meter.counts if key[0] == "sidecar_requests"} == {"other"}


async def test_requests_are_counted_by_route_and_errors_by_code(
    metered: IngressClient, meter: RecordingMeter
) -> None:
    for job_id in ("job_1", "job_2"):
        await metered.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)
    await metered.http.get("/health/live")
    await metered.http.get("/no/such/path/7")
    assert meter.counts == {
        ("sidecar_requests", "GET", "/api/v1/jobs/{job_id}", "404"): 2,
        ("sidecar_errors", "/api/v1/jobs/{job_id}", "not_found"): 2,
        ("sidecar_requests", "GET", "/health/live", "200"): 1,
        ("sidecar_requests", "GET", "none", "404"): 1,
        ("sidecar_errors", "none", "not_found"): 1,
    }
    assert len(meter.observed) == 4
