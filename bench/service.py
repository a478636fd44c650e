"""What the service costs around its models: `python -m bench.service`.

Every endpoint that has a model behind it, and a bare answer, through the service and through plain
uvicorn and FastAPI around the same models in one process (plain_server.py), in turns, at 1, 16 and
64 clients; `--proxies` has the service answer through Ray Serve's own proxy as well. The service
commits a record of each answer; the plain server does not. Chat is bench.engine's.
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

from bench.load_generator import Load, NextRequest, load, settle
from bench.planner_instances import instance
from bench.requests import categorize, categorize_all, new_name, receipt, unheard, words
from deployments.launcher.ports import free_port
from tests.acceptance.service import running

CLIENTS = (1, 16, 64)
#: Cores that others may take of the machine; with more, a measurement is made again, so often.
_OTHERS, _TRIES = 0.15, 5


@dataclass(frozen=True)
class Kind:
    """A kind of request; the seconds that measuring it takes, as a multiple of the usual."""

    name: str
    next_request: NextRequest
    clients: Sequence[int] = CLIENTS
    times: float = 1


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.service", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="turns of the two")
    parser.add_argument("--only", nargs="*", default=[], help="kinds of request, by their words")
    parser.add_argument("--proxies", action="store_true", help="with Ray Serve's own proxy, too")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    kinds = [
        kind
        for kind in _kinds(random.Random(arguments.seed))
        if not arguments.only or any(words in kind.name for words in arguments.only)
    ]
    servers = {"plain": plain, "service": partial(_service, fast=True)}
    if arguments.proxies:
        servers["service, Serve's own proxy"] = partial(_service, fast=False)
    found: dict[tuple[str, str, int], list[Load]] = defaultdict(list)
    for _ in range(arguments.rounds):
        for name, server in servers.items():
            with server() as url:
                settle()
                for kind in kinds:
                    # Whatever starts with the first requests is there before it is measured.
                    load(url, kind.next_request, clients=max(kind.clients), seconds=0)
                    for clients in kind.clients:
                        one = _undisturbed(url, kind, clients, kind.times * arguments.seconds)
                        found[name, kind.name, clients].append(one)
                        print(_told(name, kind.name, clients, one), file=sys.stderr, flush=True)
    print(
        "| request | clients | plain: answers/s, p50, p95 ms | service | of plain | p95 of plain |"
    )
    print("|---|---|---|---|---|---|")
    for kind in kinds:
        for clients in kind.clients:
            _print(kind.name, clients, found, [name for name in servers if name != "plain"])


def _undisturbed(url: str, kind: Kind, clients: int, seconds: float) -> Load:
    """A measurement that nothing else took part in, or the least disturbed of some."""
    tries: list[Load] = []
    while len(tries) < _TRIES:
        tries.append(load(url, kind.next_request, clients=clients, seconds=seconds))
        if tries[-1].others <= _OTHERS:
            break
    return min(tries, key=lambda one: one.others)


def _print(
    kind: str,
    clients: int,
    found: dict[tuple[str, str, int], list[Load]],
    services: Sequence[str],
) -> None:
    peer = _medians(found["plain", kind, clients])
    for name in services:
        own = _medians(found[name, kind, clients])
        print(
            f"| {kind} | {clients} | {_shown(peer)} | {_shown(own)} | {own[0] / peer[0]:.2f} "
            f"| {own[2] / peer[2]:.2f} |" + (f" {name} |" if len(services) > 1 else "")
        )


def _medians(rounds: Sequence[Load]) -> tuple[float, float, float]:
    """Answers a second, p50 and p95 in milliseconds: of each the median of the rounds."""
    measured = [(one.per_second, one.percentile(50), one.percentile(95)) for one in rounds]
    rate, p50, p95 = np.median(measured, axis=0)
    return float(rate), float(p50), float(p95)


def _shown(medians: tuple[float, float, float]) -> str:
    rate, p50, p95 = medians
    return f"{rate:.{0 if rate > 20 else 1}f}, {p50:.0f}, {p95:.0f}"


def _told(server: str, kind: str, clients: int, one: Load) -> str:
    failed = sum(one.statuses.values()) - one.statuses[200]
    wrong = f"; {failed} failed: {dict(one.statuses)}" if failed else ""
    busy = f"; others took {one.others:.2f} cores" if one.others > _OTHERS else ""
    return f"{server}, {kind}, {clients}: {_shown(_medians([one]))}{busy}{wrong}"


@contextmanager
def _service(*, fast: bool) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), environment={"SIDECAR_HAPROXY": str(fast)}) as service,
    ):
        yield service.url


@contextmanager
def plain() -> Iterator[str]:
    """The plain server, ready; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.baseline_server", str(port)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # as the service has it
        start_new_session=True,  # so that the readers it forks end with it
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


def _kinds(choose: random.Random) -> Sequence[Kind]:
    documents = [{"id": n, "text": words(choose, 20)} for n in range(50)]
    dishes = instance(1, 30, 7)
    photo = receipt()
    small = [instance(seed, 10, 3, timeout_ms=5000) for seed in range(20)]
    return [
        Kind("no model", lambda: ("/health/live", None)),
        Kind("a name seen before", lambda: categorize("whole milk")),
        Kind("a new name", partial(new_name, choose)),
        Kind("50 new names", lambda: categorize_all([unheard(choose) for _ in range(50)])),
        Kind(
            "the vector of a new text",
            lambda: ("/api/v1/embed", {"texts": [{"id": 1, "text": unheard(choose)}]}),
        ),
        Kind(
            "a search of 50 documents seen before",
            lambda: (
                "/api/v1/search",
                {"payload": {"query": words(choose, 3), "documents": documents}},
            ),
        ),
        Kind(
            "suggestions from 30 recipes",
            lambda: (
                "/api/v1/optimize/suggestions",
                {
                    "payload": {
                        "mode": "use_expiring",
                        "inventory": dishes["inventory"],
                        "recipes": dishes["recipes"],
                    }
                },
            ),
        ),
        Kind(
            "a plan of 3 days from 10 recipes",
            lambda: ("/api/v1/optimize/meal-plan", {"payload": choose.choice(small)}),
            clients=(1, 16),  # more than 20 at once are refused: the line is short on purpose
        ),
        Kind(
            "a receipt",
            lambda: photo,
            clients=(1, 16),  # two at a time are read; more wait, for minutes
            times=4,
        ),
    ]


if __name__ == "__main__":
    main()
