"""What the service costs around its models: `python -m bench.service`.

Categories of one name and a bare answer, through the service with its fast proxy, with Ray Serve's
own, and through plain uvicorn and FastAPI around the same model in one process (plain_server.py),
at 1, 16 and 64 clients. The service commits an artifact for each answer; the plain server does not.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.load import NextRequest, load, settle
from bench.texts import LABELS, WORDS
from tests.acceptance.service import free_port, running

CLIENTS = (1, 16, 64)


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.service", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    choose = random.Random(arguments.seed)
    requests = {
        "no model": lambda: ("/health/live", None),
        "a name seen before": lambda: _categorize("whole milk"),
        "a new name": partial(new_name, choose),
    }
    rates: dict[tuple[str, str, int], float] = {}
    print("| server | request | clients | answers/s | p50 ms | p95 ms | of the plain server |")
    print("|---|---|---|---|---|---|---|")
    with plain() as url:
        _measure("plain", url, requests, arguments.seconds, rates)
    for name, fast in (("service", "true"), ("service, Serve's own proxy", "false")):
        with (
            tempfile.TemporaryDirectory() as folder,
            running(Path(folder), environment={"FAST_PROXY": fast}) as service,
        ):
            _measure(name, service.url, requests, arguments.seconds, rates)


@contextmanager
def plain() -> Iterator[str]:
    """The plain server, ready; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "bench.plain_server", str(port)])
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
        process.terminate()
        process.wait()


def _measure(
    server: str,
    url: str,
    requests: Mapping[str, NextRequest],
    seconds: float,
    rates: dict[tuple[str, str, int], float],
) -> None:
    settle()
    for name, request in requests.items():
        for clients in CLIENTS:
            result = load(url, request, clients=clients, seconds=seconds)
            failed = sum(result.statuses.values()) - result.statuses[200]
            if failed:
                print(f"{failed} of {sum(result.statuses.values())} failed: {result.statuses}")
            rates[server, name, clients] = result.per_second
            share = result.per_second / rates["plain", name, clients]
            print(
                f"| {server} | {name} | {clients} | {result.per_second:.0f} | "
                f"{result.percentile(50):.1f} | {result.percentile(95):.1f} | {share:.2f} |",
                flush=True,
            )


def new_name(choose: random.Random) -> tuple[str, dict[str, Any]]:
    """A request to categorize a name that was not asked for before: its path and its body."""
    return _categorize(f"{' '.join(choose.choices(WORDS, k=3))} {choose.randrange(10**9)}")


def _categorize(name: str) -> tuple[str, dict[str, Any]]:
    return "/api/v1/categorize", {"payload": {"item_name": name, "candidate_labels": LABELS}}


if __name__ == "__main__":
    main()
