"""Measures the overhead of the service around its models: `python -m bench.service`.

Requests every endpoint with a model, and one without, from the service and from plain uvicorn and
FastAPI around the same models in one process (baseline_server.py), in turns, at 1, 16 and 64
clients. `--proxies` also measures the service behind Ray Serve's own proxy. The service commits an
artifact for each response; the plain server does not. bench.engine measures chat.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import numpy as np

from bench.load_generator import LoadResult, NextRequest, load, wait_until_idle
from bench.planner_instances import instance
from bench.requests import categorize, categorize_batch, new_name, new_text, random_words, receipt
from deployments.launcher.ports import free_port
from tests.acceptance.service import running

CLIENTS = (1, 16, 64)
#: Cores that other processes may use during a measurement; with more it is repeated.
_MAX_OTHER_CPU = 0.15
_MAX_TRIES = 5


@dataclass(frozen=True)
class RequestKind:
    """A kind of request and how it is measured."""

    name: str
    next_request: NextRequest
    clients: Sequence[int] = CLIENTS
    duration_factor: float = 1  # of the seconds of each measurement


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.service", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each server")
    parser.add_argument("--only", nargs="*", default=[], help="kinds of request, by their words")
    parser.add_argument("--proxies", action="store_true", help="also behind Ray Serve's own proxy")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    kinds = [
        kind
        for kind in _kinds(random.Random(options.seed))
        if not options.only or any(words in kind.name for words in options.only)
    ]
    servers = {"plain": plain_server, "service": partial(_service, haproxy=True)}
    if options.proxies:
        servers["service, Serve's own proxy"] = partial(_service, haproxy=False)
    results: dict[tuple[str, str, int], list[LoadResult]] = defaultdict(list)
    for _ in range(options.rounds):
        for name, server in servers.items():
            with server() as url:
                wait_until_idle()
                for kind in kinds:
                    # Lazy starts on the first requests must not be measured.
                    load(url, kind.next_request, clients=max(kind.clients), seconds=0)
                    for clients in kind.clients:
                        seconds = kind.duration_factor * options.seconds
                        result = _least_disturbed(url, kind, clients, seconds)
                        results[name, kind.name, clients].append(result)
                        progress = _progress(name, kind.name, clients, result)
                        print(progress, file=sys.stderr, flush=True)
    print(
        "| request | clients | plain: responses/s, p50, p95 ms | service | of plain "
        "| p95 of plain |"
    )
    print("|---|---|---|---|---|---|")
    for kind in kinds:
        for clients in kind.clients:
            _print(kind.name, clients, results, [name for name in servers if name != "plain"])


def _least_disturbed(url: str, kind: RequestKind, clients: int, seconds: float) -> LoadResult:
    """Return a measurement without other load on the machine, or the least disturbed of some."""
    tries: list[LoadResult] = []
    while len(tries) < _MAX_TRIES:
        tries.append(load(url, kind.next_request, clients=clients, seconds=seconds))
        if tries[-1].other_cpu <= _MAX_OTHER_CPU:
            break
    return min(tries, key=lambda result: result.other_cpu)


def _print(
    kind: str,
    clients: int,
    results: dict[tuple[str, str, int], list[LoadResult]],
    services: Sequence[str],
) -> None:
    peer = _medians(results["plain", kind, clients])
    for name in services:
        own = _medians(results[name, kind, clients])
        print(
            f"| {kind} | {clients} | {_format(peer)} | {_format(own)} | {own[0] / peer[0]:.2f} "
            f"| {own[2] / peer[2]:.2f} |" + (f" {name} |" if len(services) > 1 else "")
        )


def _medians(rounds: Sequence[LoadResult]) -> tuple[float, float, float]:
    """Return the medians of responses per second, and of p50 and p95 in milliseconds."""
    figures = [
        (result.per_second, result.percentile(50), result.percentile(95)) for result in rounds
    ]
    rate, p50, p95 = np.median(figures, axis=0)
    return float(rate), float(p50), float(p95)


def _format(medians: tuple[float, float, float]) -> str:
    rate, p50, p95 = medians
    return f"{rate:.{0 if rate > 20 else 1}f}, {p50:.0f}, {p95:.0f}"


def _progress(server: str, kind: str, clients: int, result: LoadResult) -> str:
    line = f"{server}, {kind}, {clients}: {_format(_medians([result]))}"
    if result.other_cpu > _MAX_OTHER_CPU:
        line += f"; other processes used {result.other_cpu:.2f} cores"
    if failed := sum(result.statuses.values()) - result.statuses[200]:
        line += f"; {failed} failed: {dict(result.statuses)}"
    return line


@contextmanager
def _service(*, haproxy: bool) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), environment={"SIDECAR_HAPROXY": str(haproxy)}) as service,
    ):
        yield service.url


@contextmanager
def plain_server() -> Iterator[str]:
    """Start the plain server; yield its URL once it is ready."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.baseline_server", str(port)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # as in the service
        start_new_session=True,  # so that its reader processes end with it
    )
    try:
        while True:
            try:
                httpx.get(f"{url}/health/live").raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None:
                    sys.exit("the plain server ended")
                time.sleep(0.2)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _kinds(rng: random.Random) -> Sequence[RequestKind]:
    documents = [{"id": n, "text": random_words(rng, 20)} for n in range(50)]
    plan = instance(1, 30, 7)
    photo = receipt()
    small_plans = [instance(seed, 10, 3, timeout_ms=5000) for seed in range(20)]
    return [
        RequestKind("no model", lambda: ("/health/live", None)),
        RequestKind("a name seen before", lambda: categorize("whole milk")),
        RequestKind("a new name", partial(new_name, rng)),
        RequestKind("50 new names", lambda: categorize_batch([new_text(rng) for _ in range(50)])),
        RequestKind(
            "the vector of a new text",
            lambda: ("/api/v1/embed", {"texts": [{"id": 1, "text": new_text(rng)}]}),
        ),
        RequestKind(
            "a search of 50 documents seen before",
            lambda: (
                "/api/v1/search",
                {"payload": {"query": random_words(rng, 3), "documents": documents}},
            ),
        ),
        RequestKind(
            "suggestions from 30 recipes",
            lambda: (
                "/api/v1/optimize/suggestions",
                {
                    "payload": {
                        "mode": "use_expiring",
                        "inventory": plan["inventory"],
                        "recipes": plan["recipes"],
                    }
                },
            ),
        ),
        RequestKind(
            "a plan of 3 days from 10 recipes",
            lambda: ("/api/v1/optimize/meal-plan", {"payload": rng.choice(small_plans)}),
            clients=(1, 16),  # more than 20 at once are refused, by design
        ),
        RequestKind(
            "a receipt",
            lambda: photo,
            clients=(1, 16),  # two are read at a time; more would wait for minutes
            duration_factor=4,
        ),
    ]


if __name__ == "__main__":
    main()
