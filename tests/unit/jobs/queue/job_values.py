"""Jobs, results and errors for the tests of the queue."""

from dataclasses import replace

from sqlalchemy import select

from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.storage.database import Database
from jobs.storage.schema import attempts

FEATURE = "receipt_extraction"
NEW = NewJob(
    tenant_id="t1",
    feature=FEATURE,
    input_payload={"image": {"sha256": "ab"}},
    request_id="req_1",
    idempotency_key="req_1",
    max_attempts=2,
)
DONE = JobResult(output={"total": "1.99"}, model_id="m", model_version="1")
TRANSIENT = AttemptError(code="internal", message="It broke.", retryable=True)
FATAL = AttemptError(code="invalid_image", message="No image.", retryable=False)


def new_job(**changes: object) -> NewJob:
    return replace(NEW, **{"idempotency_key": None, **changes})  # type: ignore[arg-type]


async def claim_one(claims: Claims) -> Job:
    [job] = await claims.claim([FEATURE], 1)
    return job


async def history(database: Database, job: Job) -> list[tuple[int, str | None, str | None]]:
    """Return number, outcome and error code of the job's attempts."""
    async with database.read() as connection:
        rows = await connection.execute(
            select(attempts.c.number, attempts.c.outcome, attempts.c.error_code)
            .where(attempts.c.job_id == job.id)
            .order_by(attempts.c.number)
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]
