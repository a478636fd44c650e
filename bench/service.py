"""What the service costs around its models: `python -m bench.service`.

Categories of one name and a bare answer, through the service with its fast proxy, with Ray Serve's
own, and through plain uvicorn and FastAPI around the same model in one process (plain_server.py),
at 1, 16 and 64 clients. The service commits an artifact for each answer; the plain server does not.
Then what an idle service holds in memory, process by process.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.load import NextRequest, load
from bench.texts import LABELS, WORDS
from tests.acceptance.service import Service, free_port, running, title

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
        "a new name": lambda: _categorize(
            f"{' '.join(choose.choices(WORDS, k=3))} {choose.randrange(10**9)}"
        ),
    }
    rates: dict[tuple[str, str, int], float] = {}
    print("| server | request | clients | answers/s | p50 ms | p95 ms | of the plain server |")
    print("|---|---|---|---|---|---|---|")
    with plain() as url:
        _measure("plain", url, requests, arguments.seconds, rates)
    held: list[str] = []
    for name, fast in (("service", "true"), ("service, Serve's own proxy", "false")):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            with running(Path(folder), environment={"FAST_PROXY": fast}) as service:
                ready = time.monotonic() - begun
                held = held or [f"ready after {ready:.0f} s", *_memory(service)]
                _measure(name, service.url, requests, arguments.seconds, rates)
    print("\n" + "\n".join(held))


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


def _memory(service: Service) -> list[str]:
    """The resident memory of each process of an idle service, and of all, in MB."""
    root = psutil.Process(service.process.pid)
    processes = [root, *root.children(recursive=True)]
    sizes = [(process.memory_info().rss / 1e6, title(process)[:60]) for process in processes]
    shares = sum(process.memory_full_info().pss for process in processes) / 1e6
    rows = [f"{size:6.0f} MB  {name}" for size, name in sorted(sizes, reverse=True)]
    return [f"{shares:.0f} MB in all (pages that are shared counted once); resident:", *rows]


def _categorize(name: str) -> tuple[str, dict[str, Any]]:
    return "/api/v1/categorize", {"payload": {"item_name": name, "candidate_labels": LABELS}}


if __name__ == "__main__":
    main()
