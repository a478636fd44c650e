"""Whoever asked to be called is called, at least once, and can tell who calls."""

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
from tests.unit.jobs.conftest import Clock

URL = "https://core.example/done"
DONE = JobResult(output={"total": 1}, model_id="m", model_version="1")
FATAL = AttemptError(code="invalid_image", message="No image.", retryable=False)
TRANSIENT = AttemptError(code="internal", message="It broke.", retryable=True)


class Receiver:
    """The other side: answers as it is told to, and remembers."""

    def __init__(self) -> None:
        self.answers: list[int | Exception] = []
        self.calls: list[tuple[str, bytes, Mapping[str, str]]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.calls.append((url, body, headers))
        answer = self.answers.pop(0) if self.answers else 200
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def outbox(database: Database, receiver: Receiver, clock: Clock) -> WebhookDispatcher:
    return WebhookDispatcher(
        database,
        send=receiver,
        secret="s3cret",
        max_attempts=3,
        backoff=Backoff(base_s=10, cap_s=60, uniform=lambda low, high: high),
        hold=timedelta(minutes=1),
        clock=clock,
    )


async def submit(queue: JobQueue, url: str | None = URL, tenant: str = "t") -> Job:
    return await queue.submit(
        NewJob(tenant_id=tenant, feature="f", input_payload={}, request_id="r", callback_url=url)
    )


async def test_the_end_of_a_job_is_told_once_signed_and_without_its_result(
    queue: JobQueue, claims: Claims, outbox: WebhookDispatcher, receiver: Receiver
) -> None:
    job = await submit(queue)
    await submit(queue, None)
    assert await outbox.deliver() == 0, "it has not ended"
    for held in await claims.claim(["f"], 2):
        await claims.succeed(held, DONE)
    assert await outbox.deliver() == 1
    assert await outbox.deliver() == 0
    [(url, body, headers)] = receiver.calls
    assert url == URL
    told = json.loads(body)
    assert told["type"] == "job.succeeded"
    assert told["data"] == {
        "job_id": job.id,
        "tenant_id": "t",
        "feature": "f",
        "status": "succeeded",
        "error_code": None,
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(b"s3cret", signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_every_way_to_end_is_told_and_no_other_change(
    queue: JobQueue, claims: Claims, outbox: WebhookDispatcher, receiver: Receiver, clock: Clock
) -> None:
    failed = await submit(queue)
    clock.pass_(1)
    cancelled = await submit(queue)
    [held] = await claims.claim(["f"], 1)
    await claims.fail(held, TRANSIENT)
    await queue.cancel("t", cancelled.id)
    clock.pass_(10)
    [held] = await claims.claim(["f"], 1)
    await claims.fail(held, FATAL)
    await queue.retry("t", failed.id, extra_attempts=1)
    [held] = await claims.claim(["f"], 1)
    clock.pass_(31)
    await claims.reclaim_expired()
    while await outbox.deliver():
        pass
    told = [json.loads(body) for _, body, _ in receiver.calls]
    assert sorted((one["type"], one["data"]["error_code"]) for one in told) == [
        ("job.cancelled", None),
        ("job.failed", "internal"),
        ("job.failed", "invalid_image"),
    ]
    assert len({headers["webhook-id"] for _, _, headers in receiver.calls}) == 3


async def test_a_call_that_fails_is_made_again_later_and_not_for_ever(
    queue: JobQueue, outbox: WebhookDispatcher, receiver: Receiver, clock: Clock
) -> None:
    receiver.answers = [500, BadRequest("no answer"), BlockedUrl(), 200]
    await queue.cancel("t", (await submit(queue)).id)
    assert await outbox.deliver() == 1
    assert await outbox.deliver() == 0
    clock.pass_(10)
    assert await outbox.deliver() == 1
    clock.pass_(20)
    assert await outbox.deliver() == 1
    clock.pass_(86_400)
    assert await outbox.deliver() == 0, "given up after three"
    assert len({headers["webhook-id"] for _, _, headers in receiver.calls}) == 1


async def test_what_a_process_that_died_had_taken_another_makes(
    queue: JobQueue, database: Database, outbox: WebhookDispatcher, receiver: Receiver, clock: Clock
) -> None:
    await queue.cancel("t", (await submit(queue)).id)
    assert len(await outbox._take()) == 1
    assert await outbox.deliver() == 0, "it is another's for a while"
    clock.pass_(61)
    assert await outbox.deliver() == 1
    assert len(receiver.calls) == 1


async def test_processes_that_look_at_once_share_the_calls(
    queue: JobQueue, database: Database, receiver: Receiver, clock: Clock
) -> None:
    for _ in range(12):
        await queue.cancel("t", (await submit(queue)).id)
    outboxes = [WebhookDispatcher(database, send=receiver, clock=clock) for _ in range(3)]
    await asyncio.gather(*(outbox.deliver() for outbox in outboxes))
    while await outboxes[0].deliver():
        pass
    ids = [headers["webhook-id"] for _, _, headers in receiver.calls]
    assert len(ids) == len(set(ids)) == 12
    assert "webhook-signature" not in receiver.calls[0][2]


async def test_a_receiver_that_never_answers_holds_up_its_own_tenant_alone(
    queue: JobQueue, database: Database, clock: Clock
) -> None:
    calls: list[str] = []
    told = asyncio.Event()

    async def send(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        calls.append(url)
        if url == URL:
            told.set()
        else:
            await asyncio.Event().wait()
        return 200

    dead = "https://dead.example/done"
    for _ in range(2 * MAX_CONCURRENT):
        await queue.cancel("busy", (await submit(queue, dead, "busy")).id)
    clock.pass_(1)
    await queue.cancel("t", (await submit(queue)).id)
    running = asyncio.create_task(
        WebhookDispatcher(database, send=send, poll_s=0.01, clock=clock).run()
    )
    async with asyncio.timeout(10):
        await told.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert calls.count(dead) == MAX_CONCURRENT_PER_TENANT
