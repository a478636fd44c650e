import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.queue.queue import JobQueue
from jobs.queue.webhooks import MAX_CONCURRENT, MAX_CONCURRENT_PER_TENANT, WebhookDispatcher
from jobs.storage.database import Database
from sidecar.core.backoff import Backoff
from sidecar.core.errors import BadRequest, BlockedUrl
from tests.unit.conftest import Clock

URL = "https://core.example/done"
DONE = JobResult(output={"total": 1}, model_id="m", model_version="1")
FATAL = AttemptError(code="invalid_image", message="No image.", retryable=False)
TRANSIENT = AttemptError(code="internal", message="It broke.", retryable=True)


class Receiver:
    """A fake receiver that returns the next of its responses and records the calls."""

    def __init__(self) -> None:
        self.responses: list[int | Exception] = []
        self.calls: list[tuple[str, bytes, Mapping[str, str]]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.calls.append((url, body, headers))
        response = self.responses.pop(0) if self.responses else 200
        await asyncio.sleep(0)
        if isinstance(response, Exception):
            raise response
        return response


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def dispatcher(database: Database, receiver: Receiver, clock: Clock) -> WebhookDispatcher:
    return WebhookDispatcher(
        database,
        send=receiver,
        secret="s3cret",
        max_attempts=3,
        backoff=Backoff(base_s=10, cap_s=60, uniform=lambda low, high: high),
        lease=timedelta(minutes=1),
        clock=clock,
    )


async def submit(queue: JobQueue, url: str | None = URL, tenant: str = "t") -> Job:
    return await queue.submit(
        NewJob(tenant_id=tenant, feature="f", input_payload={}, request_id="r", callback_url=url)
    )


async def test_a_finished_job_is_reported_once_signed_and_without_its_result(
    queue: JobQueue, claims: Claims, dispatcher: WebhookDispatcher, receiver: Receiver
) -> None:
    job = await submit(queue)
    await submit(queue, None)
    assert await dispatcher.deliver() == 0, "the job has not finished"
    for claimed in await claims.claim(["f"], 2):
        await claims.succeed(claimed, DONE)
    assert await dispatcher.deliver() == 1
    assert await dispatcher.deliver() == 0
    [(url, body, headers)] = receiver.calls
    assert url == URL
    payload = json.loads(body)
    assert payload["type"] == "job.succeeded"
    assert payload["data"] == {
        "job_id": job.id,
        "tenant_id": "t",
        "feature": "f",
        "status": "succeeded",
        "error_code": None,
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"s3cret", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_every_final_status_is_reported_and_no_other(
    queue: JobQueue, claims: Claims, dispatcher: WebhookDispatcher, receiver: Receiver, clock: Clock
) -> None:
    failed = await submit(queue)
    clock.advance(1)
    cancelled = await submit(queue)
    [claimed] = await claims.claim(["f"], 1)
    await claims.fail(claimed, TRANSIENT)
    await queue.cancel("t", cancelled.id)
    clock.advance(10)
    [claimed] = await claims.claim(["f"], 1)
    await claims.fail(claimed, FATAL)
    await queue.retry("t", failed.id, extra_attempts=1)
    [claimed] = await claims.claim(["f"], 1)
    clock.advance(31)
    await claims.reclaim_expired()
    while await dispatcher.deliver():
        pass
    payloads = [json.loads(body) for _, body, _ in receiver.calls]
    assert sorted((payload["type"], payload["data"]["error_code"]) for payload in payloads) == [
        ("job.cancelled", None),
        ("job.failed", "internal"),
        ("job.failed", "invalid_image"),
    ]
    assert len({headers["webhook-id"] for _, _, headers in receiver.calls}) == 3


async def test_a_failed_webhook_is_retried_with_backoff_up_to_its_attempts(
    queue: JobQueue, dispatcher: WebhookDispatcher, receiver: Receiver, clock: Clock
) -> None:
    receiver.responses = [500, BadRequest("no answer"), BlockedUrl(), 200]
    await queue.cancel("t", (await submit(queue)).id)
    assert await dispatcher.deliver() == 1
    assert await dispatcher.deliver() == 0
    clock.advance(10)
    assert await dispatcher.deliver() == 1
    clock.advance(20)
    assert await dispatcher.deliver() == 1
    clock.advance(86_400)
    assert await dispatcher.deliver() == 0, "three attempts are the limit"
    assert len({headers["webhook-id"] for _, _, headers in receiver.calls}) == 1


async def test_another_process_delivers_what_a_dead_process_had_claimed(
    queue: JobQueue,
    database: Database,
    dispatcher: WebhookDispatcher,
    receiver: Receiver,
    clock: Clock,
) -> None:
    await queue.cancel("t", (await submit(queue)).id)
    assert len(await dispatcher._claim_due()) == 1
    assert await dispatcher.deliver() == 0, "the other process still has the lease"
    clock.advance(61)
    assert await dispatcher.deliver() == 1
    assert len(receiver.calls) == 1


async def test_processes_that_poll_at_once_share_the_webhooks(
    queue: JobQueue, database: Database, receiver: Receiver, clock: Clock
) -> None:
    for _ in range(12):
        await queue.cancel("t", (await submit(queue)).id)
    dispatchers = [WebhookDispatcher(database, send=receiver, clock=clock) for _ in range(3)]
    await asyncio.gather(*(dispatcher.deliver() for dispatcher in dispatchers))
    while await dispatchers[0].deliver():
        pass
    ids = [headers["webhook-id"] for _, _, headers in receiver.calls]
    assert len(ids) == len(set(ids)) == 12
    assert "webhook-signature" not in receiver.calls[0][2]


async def test_a_receiver_that_never_responds_delays_only_its_own_tenant(
    queue: JobQueue, database: Database, clock: Clock
) -> None:
    calls: list[str] = []
    delivered = asyncio.Event()

    async def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        calls.append(url)
        if url == URL:
            delivered.set()
        else:
            await asyncio.Event().wait()
        return 200

    dead = "https://dead.example/done"
    for _ in range(2 * MAX_CONCURRENT):
        await queue.cancel("busy", (await submit(queue, dead, "busy")).id)
    clock.advance(1)
    await queue.cancel("t", (await submit(queue)).id)
    running = asyncio.create_task(
        WebhookDispatcher(database, send=send, poll_s=0.01, clock=clock).run()
    )
    async with asyncio.timeout(10):
        await delivered.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert calls.count(dead) == MAX_CONCURRENT_PER_TENANT
