import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.queue.queue import JobQueue
from jobs.queue.reviews import Reviews
from jobs.queue.webhook_outbox import WebhookOutbox, WebhookStatus
from jobs.queue.webhooks import MAX_CONCURRENT, MAX_CONCURRENT_PER_TENANT, WebhookDispatcher
from jobs.storage.database import Database
from jobs.storage.feedback import Feedback, FeedbackStore, Rating
from sidecar.core.backoff import Backoff
from sidecar.core.errors import BadRequest, BlockedUrl, Conflict, NotFound
from sidecar.core.ids import new_id
from sidecar.core.settings import Settings
from sidecar.core.standard_webhooks import signing_key
from tests.unit.conftest import Clock

SECRET = f"whsec_{base64.b64encode(bytes(range(24))).decode()}"
OTHER_SECRET = f"whsec_{base64.b64encode(bytes(64)).decode()}"
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
        keys=[signing_key(SECRET)],
        max_attempts=3,
        backoff=Backoff(base_s=10, cap_s=60, uniform=lambda low, high: high),
        lease=timedelta(minutes=1),
        clock=clock,
        monotonic=clock.monotonic,
    )


@pytest.fixture
def outbox(database: Database, clock: Clock) -> WebhookOutbox:
    return WebhookOutbox(database, clock=clock)


@pytest.fixture
def now(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standardwebhooks tell the time by the fake clock."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return clock.now

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Now)


async def submit(queue: JobQueue, url: str | None = URL, tenant: str = "t") -> Job:
    return await queue.submit(
        NewJob(tenant_id=tenant, feature="f", input_payload={}, request_id="r", callback_url=url)
    )


@pytest.mark.usefixtures("now")
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
    assert Webhook(SECRET).verify(body, dict(headers)) == payload
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET).verify(body, dict(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"succeeded", b"failed"), dict(headers))


@pytest.mark.usefixtures("now")
async def test_each_of_several_secrets_signs(
    queue: JobQueue, database: Database, receiver: Receiver, clock: Clock
) -> None:
    settings = Settings.model_validate({"webhook": {"secret": f"{OTHER_SECRET}, {SECRET}"}})
    dispatcher = WebhookDispatcher(database, send=receiver, keys=settings.webhook.keys, clock=clock)
    await queue.cancel("t", (await submit(queue)).id)
    await dispatcher.deliver()
    [(_, body, headers)] = receiver.calls
    for secret in (SECRET, OTHER_SECRET):
        assert Webhook(secret).verify(body, dict(headers))["type"] == "job.cancelled"


async def test_a_body_is_what_a_receiver_encodes_again(
    queue: JobQueue, dispatcher: WebhookDispatcher, receiver: Receiver
) -> None:
    await queue.cancel("zoë 日本", (await submit(queue, tenant="zoë 日本")).id)
    await dispatcher.deliver()
    [(_, body, _)] = receiver.calls
    sorted_and_compact = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    assert json.dumps(json.loads(body), **sorted_and_compact).encode() == body


@pytest.mark.parametrize(
    "secret", ["s3cret", "whsec_", "whsec_AAAA", "whsec_%%%%", f"whsec_{'A' * 100}", SECRET[6:]]
)
def test_a_secret_of_another_form_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        signing_key(secret)
    with pytest.raises(ValueError, match="webhook secret"):
        Settings.model_validate({"webhook": {"secret": secret}})


async def test_the_last_answer_of_a_receiver_is_kept(
    queue: JobQueue,
    dispatcher: WebhookDispatcher,
    receiver: Receiver,
    outbox: WebhookOutbox,
    clock: Clock,
) -> None:
    receiver.responses = [500, BadRequest("The URL did not answer within 10 s."), 503]
    job = await submit(queue)
    assert await outbox.latest(job.id) is None, "the job has not ended"
    await queue.cancel("t", job.id)
    seen = []
    for _ in range(3):
        await dispatcher.deliver()
        webhook = await outbox.latest(job.id)
        assert webhook is not None
        seen.append((webhook.status, webhook.attempts, webhook.response_status))
        assert webhook.attempted_at == clock.now
        clock.advance(86_400)
    assert seen == [
        (WebhookStatus.PENDING, 1, 500),
        (WebhookStatus.PENDING, 2, None),
        (WebhookStatus.FAILED, 3, 503),
    ]


async def test_a_webhook_is_sent_again_with_the_same_id(
    queue: JobQueue, dispatcher: WebhookDispatcher, receiver: Receiver, outbox: WebhookOutbox
) -> None:
    job = await submit(queue)
    with pytest.raises(Conflict, match="has not ended"):
        await outbox.resend("t", job.id)
    await queue.cancel("t", job.id)
    await dispatcher.deliver()
    await outbox.resend("t", job.id)
    assert await dispatcher.deliver() == 1
    first, second = (headers["webhook-id"] for _, _, headers in receiver.calls)
    assert first == second
    webhook = await outbox.latest(job.id)
    assert webhook is not None
    assert (webhook.status, webhook.attempts, webhook.response_status) == ("delivered", 1, 200)
    with pytest.raises(NotFound):
        await outbox.resend("other", job.id)
    quiet = await submit(queue, None)
    await queue.cancel("t", quiet.id)
    with pytest.raises(Conflict, match="no callback_url"):
        await outbox.resend("t", quiet.id)


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


async def test_a_review_is_reported(
    database: Database,
    queue: JobQueue,
    claims: Claims,
    dispatcher: WebhookDispatcher,
    receiver: Receiver,
    clock: Clock,
) -> None:
    job = await submit(queue)
    [claimed] = await claims.claim(["f"], 1)
    await claims.succeed(claimed, DONE)
    await dispatcher.deliver()
    feedback = Feedback(
        id=new_id("fb_", clock()),
        tenant_id=job.tenant_id,
        user_id=None,
        rating=Rating.THUMBS_UP,
        note=None,
        artifact_id=None,
        job_id=job.id,
        correction=None,
        created_at=clock(),
    )
    await Reviews(database, FeedbackStore(database)).record(feedback, [])
    clock.advance(1)
    await dispatcher.deliver()
    ended, reviewed = (json.loads(body) for _, body, _ in receiver.calls)
    assert ended["type"] == "job.succeeded"
    assert reviewed["type"] == "job.reviewed"
    assert reviewed["data"]["review"] == "confirmed"
    assert reviewed["data"]["job_id"] == job.id
    ids = [headers["webhook-id"] for _, _, headers in receiver.calls]
    assert len(set(ids)) == 2


@pytest.mark.parametrize("attempts", [0, 1, 2])
async def test_a_clock_that_is_set_back_by_an_hour_delays_no_webhook_by_more_than_a_lease(
    queue: JobQueue,
    claims: Claims,
    dispatcher: WebhookDispatcher,
    receiver: Receiver,
    clock: Clock,
    attempts: int,
) -> None:
    receiver.responses = [500] * attempts
    await submit(queue)
    for claimed in await claims.claim(["f"], 1):
        await claims.succeed(claimed, DONE)
    for _ in range(attempts):
        assert await dispatcher.deliver() == 1
        clock.advance(20 if len(receiver.calls) < attempts else 0)
    clock.set_by(-3600)
    assert await dispatcher.deliver() == 0
    clock.advance(61)
    assert await dispatcher.deliver() == 1
    assert len(receiver.calls) == attempts + 1


async def test_a_service_that_starts_after_the_clock_was_set_back_delivers_too(
    queue: JobQueue,
    claims: Claims,
    database: Database,
    receiver: Receiver,
    clock: Clock,
) -> None:
    await submit(queue)
    for claimed in await claims.claim(["f"], 1):
        await claims.succeed(claimed, DONE)
    clock.set_by(-3600)
    dispatcher = WebhookDispatcher(database, send=receiver, clock=clock, monotonic=clock.monotonic)
    assert await dispatcher.deliver() == 0
    clock.advance(61)
    assert await dispatcher.deliver() == 1
