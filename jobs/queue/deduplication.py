"""Duplicate detection: a later job with a common dedup key names the earlier one.

It delays no job and refuses none.
"""

from dataclasses import replace

from sqlalchemy import Connection, insert, select

from jobs.queue.job import Job, JobResult
from jobs.storage.schema import jobs, marks


def mark_duplicate(connection: Connection, job: Job, result: JobResult) -> JobResult:
    """Store the result's dedup keys and return it, as a duplicate where another job has one.

    `duplicate_of` is the id of the tenant's job that succeeded first with one of the keys. Runs
    within the transaction in which the job succeeds. Two jobs that succeed in the same instant
    under different workers don't see each other.
    """
    if not result.dedup_keys:
        return result
    first = connection.scalar(
        select(marks.c.job_id)
        .join(jobs, jobs.c.id == marks.c.job_id)
        .where(marks.c.tenant_id == job.tenant_id, marks.c.mark.in_(result.dedup_keys))
        .order_by(jobs.c.finished_at, jobs.c.id)
        .limit(1)
    )
    connection.execute(
        insert(marks),
        [
            {"job_id": job.id, "mark": key, "tenant_id": job.tenant_id}
            for key in dict.fromkeys(result.dedup_keys)
        ],
    )
    if first is None:
        return result
    return replace(result, output={**result.output, "duplicate_of": first})
