"""Texts with characters that a database can't store are stored without them, on both databases."""

from dataclasses import replace
from typing import Any

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.artifacts import Artifacts
from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, FeedbackStore
from sidecar.receipts.corrections.kinds import CorrectionKind
from tests.unit.conftest import Clock
from tests.unit.jobs.storage.test_feedback import new_feedback

HOSTILE = "a\0b\ud800"
STORED = "ab?"


async def claimed(queue: JobQueue, claims: Claims) -> Job:
    await queue.submit(NewJob(tenant_id="t1", feature="f", input_payload={}, request_id="r"))
    [job] = await claims.claim(["f"], 1)
    return job


async def test_a_result_is_stored(database: Database, queue: JobQueue, claims: Claims) -> None:
    job = await claimed(queue, claims)
    output: dict[str, Any] = {"text": HOSTILE}
    result = JobResult(
        output=output, model_id="m", model_version="1", merchant=HOSTILE, dedup_keys=[HOSTILE]
    )
    assert await claims.succeed(job, result)
    job = await queue.get("t1", job.id)
    assert job.merchant == STORED
    artifact = await Artifacts(database).get("t1", job.artifact_id or "")
    assert artifact.output_payload == {"text": "a\0b?"}


async def test_an_error_is_stored(queue: JobQueue, claims: Claims) -> None:
    job = await claimed(queue, claims)
    await claims.fail(job, AttemptError(code="bad_request", message=HOSTILE, retryable=False))
    assert (await queue.get("t1", job.id)).error_message == STORED
    assert (await queue.attempts(job.id))[0].error_message == STORED
    assert [event.error_message for event in await queue.events(job.id, after=2)] == [STORED]


async def test_a_correction_is_stored_and_found(database: Database, clock: Clock) -> None:
    correction = Correction(
        kind=CorrectionKind.NAME, key=HOSTILE, name=HOSTILE, value="v", shop=HOSTILE, was=HOSTILE
    )
    feedback = replace(new_feedback(clock), note=HOSTILE)
    await FeedbackStore(database).add(feedback, [correction])
    found = await CorrectionStore(database).lookup("t1", {CorrectionKind.NAME: [HOSTILE]})
    [stored] = found.values()
    assert (stored.key, stored.name, stored.shop, stored.was) == (STORED,) * 4
