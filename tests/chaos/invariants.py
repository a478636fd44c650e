"""The invariants of the chaos tests: accepted jobs against the rows and blobs afterwards."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from jobs.storage import schema
from jobs.storage.database import Database
from tests.chaos.workload import FINAL_STATUSES, AcceptedJob, deterministic_part, is_same


async def find_violations(
    database: Database,
    files: set[str],
    accepted: Sequence[AcceptedJob],
    results: Mapping[str, Any],
    poisoner: str,
    *,
    until: datetime | None = None,
) -> Mapping[str, Sequence[str]]:
    """Return each invariant's violations, as ids.

    `files` are the names of the blobs on disk. `results` holds the deterministic part of each
    sample's result without faults; samples that are missing from it are poison and may fail. What
    was accepted after `until` may be missing.
    """
    async with database.read() as connection:

        async def rows(table: Any) -> Sequence[Any]:
            return (await connection.execute(select(table))).all()

        async def rows_by_job(table: Any) -> defaultdict[str, list[Any]]:
            by_job: defaultdict[str, list[Any]] = defaultdict(list)
            for row in await rows(table):
                by_job[row.job_id].append(row)
            return by_job

        jobs = {row.id: row for row in await rows(schema.jobs)}
        artifacts = await rows_by_job(schema.artifacts)
        attempts = await rows_by_job(schema.attempts)
        events = await rows_by_job(schema.job_events)
        blobs = {row.sha256 for row in await rows(schema.blobs)}
    sample_of = {job.job_id: job.sample for job in accepted}
    violations: dict[str, list[str]] = {
        name: []
        for name in (
            "lost: accepted but missing",
            "stuck: not finished",
            "failed without poison",
            "duplicated: more than one job for a request",
            "duplicated: more than one result",
            "result of another input",
            "attempts don't add up",
            "events don't add up",
            "delayed by poison",
            "rows without a job",
            "blobs without a file",
            "files without a row",
            "blobs without a job",
        )
    }
    for submission in accepted:
        job = jobs.get(submission.job_id)
        if job is None:
            if until and submission.answered_at > until:
                continue
            violations["lost: accepted but missing"].append(submission.job_id)
        elif job.status not in FINAL_STATUSES:
            violations["stuck: not finished"].append(f"{job.id} {job.status} {submission.sample}")
        elif job.status != "succeeded" and submission.sample in results:
            violations["failed without poison"].append(f"{job.id} {job.error_message}")
    requests = Counter((job.tenant_id, job.idempotency_key) for job in jobs.values())
    violations["duplicated: more than one job for a request"] += [
        str(key) for key, count in requests.items() if count > 1
    ] + sorted(set(jobs) - set(sample_of))
    for job in jobs.values():
        successes = [artifact for artifact in artifacts[job.id] if artifact.success]
        if len(successes) != (job.status == "succeeded"):
            violations["duplicated: more than one result"].append(f"{job.id} {len(successes)}")
        for artifact in successes:
            expected = results.get(sample_of.get(job.id, ""))
            same = artifact.id == job.artifact_id and artifact.input_payload == job.input_payload
            if not same or (
                expected
                and not is_same(
                    job.feature,
                    deterministic_part(job.feature, artifact.output_payload),
                    expected,
                )
            ):
                violations["result of another input"].append(job.id)
        numbers = sorted(attempt.number for attempt in attempts[job.id])
        succeeded = sum(attempt.outcome == "succeeded" for attempt in attempts[job.id])
        unfinished = [attempt for attempt in attempts[job.id] if attempt.ended_at is None]
        if (
            numbers != list(range(1, job.attempt + 1))
            or succeeded != (job.status == "succeeded")
            or (unfinished and job.status in FINAL_STATUSES)
        ):
            violations["attempts don't add up"].append(job.id)
        changes = sorted(events[job.id], key=lambda event: event.version)
        if [event.version for event in changes] != list(range(1, job.version + 1)) or (
            changes[-1].status != job.status
        ):
            violations["events don't add up"].append(job.id)
    violations["delayed by poison"] += _delayed_by_poison(jobs, attempts, accepted, poisoner)
    violations["rows without a job"] += sorted(
        {job_id for by_job in (artifacts, attempts, events) for job_id in by_job} - set(jobs)
    )
    violations["blobs without a file"] += sorted(blobs - files)
    violations["files without a row"] += sorted(files - blobs)
    violations["blobs without a job"] += sorted(blobs - {job.image_sha256 for job in jobs.values()})
    return violations


def _delayed_by_poison(
    jobs: Mapping[str, Any],
    attempts: Mapping[str, Sequence[Any]],
    accepted: Sequence[AcceptedJob],
    poisoner: str,
) -> Sequence[str]:
    """Return jobs of one-job-at-a-time tenants that a runner started after two of the poisoner's.

    Counted per runner, because a restarted runner doesn't know which tenant was next, and from the
    answer to the submission on: a job has its time before it is committed and others can see it.
    """
    poison = [
        attempt
        for job_id, job_attempts in attempts.items()
        if job_id in jobs and jobs[job_id].tenant_id == poisoner
        for attempt in job_attempts
    ]
    delayed = []
    for job in accepted:
        if job.tenant.startswith("single") and attempts.get(job.job_id):
            first = min(attempt.started_at for attempt in attempts[job.job_id])
            before = Counter(
                attempt.runner for attempt in poison if job.answered_at < attempt.started_at < first
            )
            if any(count > 1 for count in before.values()):
                delayed.append(f"{job.job_id} {dict(before)}")
    return delayed
