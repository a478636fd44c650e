"""Jobs about the same thing: the later one names the earlier, and nothing is held up for it."""

from dataclasses import replace

from sqlalchemy import Connection, insert, select

from jobs.queue.job import Job, JobResult
from jobs.storage.schema import jobs, marks


def mark_duplicate(connection: Connection, job: Job, outcome: JobResult) -> JobResult:
    """The outcome, with `duplicate_of` when another job of the tenant bore one of its marks: the id
    of the one that succeeded first. The marks are kept.

    Works within the transaction in which the job succeeds. Two that succeed in the same instant
    under different runners don't see each other.
    """
    if not outcome.dedup_keys:
        return outcome
    first = connection.scalar(
        select(marks.c.job_id)
        .join(jobs, jobs.c.id == marks.c.job_id)
        .where(marks.c.tenant_id == job.tenant_id, marks.c.mark.in_(outcome.dedup_keys))
        .order_by(jobs.c.finished_at, jobs.c.id)
        .limit(1)
    )
    connection.execute(
        insert(marks),
        [
            {"job_id": job.id, "mark": mark, "tenant_id": job.tenant_id}
            for mark in dict.fromkeys(outcome.dedup_keys)
        ],
    )
    if first is None:
        return outcome
    return replace(outcome, output={**outcome.output, "duplicate_of": first})
