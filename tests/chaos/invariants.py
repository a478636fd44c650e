"""The books after the storm: what was accepted against what is there."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from jobs.storage import schema
from jobs.storage.database import Database
from tests.chaos.workload import Accepted, essence

FINAL = ("succeeded", "failed", "cancelled")


async def audit(
    database: Database,
    files: set[str],
    accepted: Sequence[Accepted],
    results: Mapping[str, Any],
    poisoner: str,
) -> Mapping[str, Sequence[str]]:
    """Each thing that must not be, with the ids of where it is.

    `files` are the names of the blobs on the disk; `results` is the essence of each sample's result
    as it was without a storm; samples that are not in it are poison and may fail.
    """
    async with database.read() as connection:

        async def rows(table: Any) -> Sequence[Any]:
            return (await connection.execute(select(table))).all()

        jobs = {row.id: row for row in await rows(schema.jobs)}
        artifacts, attempts, events = defaultdict(list), defaultdict(list), defaultdict(list)
        for table, by_job in (
            (schema.artifacts, artifacts),
            (schema.attempts, attempts),
            (schema.job_events, events),
        ):
            for row in await rows(table):
                by_job[row.job_id].append(row)
        blobs = {row.sha256 for row in await rows(schema.blobs)}
    sample_of = {one.job_id: one.sample for one in accepted}
    faults: dict[str, list[str]] = {
        name: []
        for name in (
            "lost: accepted and not there",
            "stuck: not ended",
            "failed without poison",
            "doubled: more than one job for a request",
            "doubled: more than one result",
            "result is not its input's",
            "attempts counted wrong",
            "events don't add up",
            "waited behind poison",
            "rows of no job",
            "blobs without a file",
            "files without a row",
            "blobs of no job",
        )
    }
    for one in accepted:
        job = jobs.get(one.job_id)
        if job is None:
            faults["lost: accepted and not there"].append(one.job_id)
        elif job.status not in FINAL:
            faults["stuck: not ended"].append(f"{job.id} {job.status} {one.sample}")
        elif job.status != "succeeded" and one.sample in results:
            faults["failed without poison"].append(f"{job.id} {job.error_message}")
    requests = Counter((job.tenant_id, job.idempotency_key) for job in jobs.values())
    faults["doubled: more than one job for a request"] += [
        str(key) for key, count in requests.items() if count > 1
    ] + sorted(set(jobs) - set(sample_of))
    for job in jobs.values():
        successes = [one for one in artifacts[job.id] if one.success]
        if len(successes) != (job.status == "succeeded"):
            faults["doubled: more than one result"].append(f"{job.id} {len(successes)}")
        for one in successes:
            expected = results.get(sample_of.get(job.id, ""))
            same = one.id == job.artifact_id and one.input_payload == job.input_payload
            if not same or (expected and essence(job.feature, one.output_payload) != expected):
                faults["result is not its input's"].append(job.id)
        numbers = sorted(one.number for one in attempts[job.id])
        won = sum(one.outcome == "succeeded" for one in attempts[job.id])
        unended = [one for one in attempts[job.id] if one.ended_at is None]
        if (
            numbers != list(range(1, job.attempt + 1))
            or won != (job.status == "succeeded")
            or (unended and job.status in FINAL)
        ):
            faults["attempts counted wrong"].append(job.id)
        changes = sorted(events[job.id], key=lambda one: one.version)
        if [one.version for one in changes] != list(range(1, job.version + 1)) or (
            changes[-1].status != job.status
        ):
            faults["events don't add up"].append(job.id)
    faults["waited behind poison"] += _overtaken(jobs, attempts, poisoner)
    faults["rows of no job"] += sorted(
        {one for by_job in (artifacts, attempts, events) for one in by_job} - set(jobs)
    )
    faults["blobs without a file"] += sorted(blobs - files)
    faults["files without a row"] += sorted(files - blobs)
    faults["blobs of no job"] += sorted(blobs - {job.image_sha256 for job in jobs.values()})
    return faults


def _overtaken(
    jobs: Mapping[str, Any], attempts: Mapping[str, Sequence[Any]], poisoner: str
) -> Sequence[str]:
    """Jobs of tenants with one job at a time, before which one runner started two of the
    poisoner's: a runner that died and came again doesn't know whose turn it was.
    """
    poison = [
        one
        for job_id, some in attempts.items()
        if job_id in jobs and jobs[job_id].tenant_id == poisoner
        for one in some
    ]
    late = []
    for job in jobs.values():
        if job.tenant_id.startswith("single") and attempts[job.id]:
            first = min(one.started_at for one in attempts[job.id])
            before = Counter(
                one.runner for one in poison if job.created_at < one.started_at < first
            )
            if any(count > 1 for count in before.values()):
                late.append(f"{job.id} {dict(before)}")
    return late
