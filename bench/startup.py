"""What a start of the service costs, and what it costs to stand idle: `python -m bench.startup`.

From the command to the first answer of readiness that says ok, and two receipts from then on. Of
the last start instead, once it has settled, memory (pages that are shared counted once) and the
share of a core that its processes use, by process; and memory after receipts. Without the engine.
Linux.
"""

import argparse
import re
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from bench.requests import receipt
from tests.acceptance.service import Service, running, title

_TENANT = {"x-tenant-id": "bench"}
#: What a command line is called in the table; the first that fits.
_NAMES = {
    r"ray::ServeReplica:\w+:(\w+)": r"replica of \1",
    r"ray::(\w+)": r"Ray Serve and Ray: \1",
    r"sidecar\.planning\.worker": "solver processes",
    r"haproxy": "HAProxy",
    r"deployments\.launcher": "deployments.launcher",
    r"gcs_server": "Ray: gcs_server",
    r"raylet/raylet": "Ray: raylet",
    r"dashboard/dashboard\.py": "Ray: dashboard",
    r"monitor\.py|log_monitor": "Ray: monitors",
    r"resource_tracker|spawn_main": "Python's multiprocessing",
}


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--settle", type=float, default=20, help="seconds from ready to idle")
    parser.add_argument("--seconds", type=float, default=60, help="that it is watched idle")
    arguments = parser.parse_args()
    print("| start | ready after s | CPU s of all processes until then | two receipts then, s |")
    print("|---|---|---|---|")
    for start in range(1, arguments.starts + 1):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            with running(Path(folder)) as service:
                ready = time.monotonic() - begun
                spent = sum(_cpu_seconds(service.process.pid).values())
                last = start == arguments.starts
                receipts = [] if last else [_read(service.url) for _ in range(2)]
                took = ", ".join(f"{seconds:.1f}" for seconds in receipts)
                print(f"| {start} | {ready:.1f} | {spent:.1f} | {took} |", flush=True)
                if last:
                    time.sleep(arguments.settle)
                    _print_idle(service.process.pid, arguments.seconds)
                    _print_after_receipts(service, arguments.settle)


def _read(url: str) -> float:
    """Seconds until a receipt was read."""
    path, body = receipt()
    begun = time.monotonic()
    httpx.post(url + path, json=body, headers=_TENANT, timeout=120).raise_for_status()
    return time.monotonic() - begun


def _print_after_receipts(service: Service, settle_s: float) -> None:
    with ThreadPoolExecutor(4) as callers:
        for _ in callers.map(_read, [service.url] * 24):
            pass
    after = sum(_memory(service.process.pid)[0].values())
    time.sleep(settle_s)
    at_rest = sum(_memory(service.process.pid)[0].values())
    print("\n| after 24 receipts of 4 callers | memory MB |")
    print("|---|---|")
    print(f"| at once | {after / 1e6:.0f} |")
    print(f"| {settle_s:.0f} s later | {at_rest / 1e6:.0f} |")


def _print_idle(root: int, seconds: float) -> None:
    before = _cpu_seconds(root)
    begun = time.monotonic()
    time.sleep(seconds)
    watched = time.monotonic() - begun
    after = _cpu_seconds(root)
    memory, number = _memory(root)
    shares = {name: (after[name] - before.get(name, 0.0)) / watched for name in after}
    print("\n| idle | processes | memory MB | % of a core |")
    print("|---|---|---|---|")
    for name in sorted(memory, key=lambda name: -memory[name]):
        share = 100 * shares.get(name, 0.0)
        print(f"| {name} | {number[name]} | {memory[name] / 1e6:.0f} | {share:.2f} |")
    total = 100 * sum(shares.values())
    print(f"| all | {number.total()} | {sum(memory.values()) / 1e6:.0f} | {total:.2f} |")


def _tree(root: int) -> list[psutil.Process]:
    process = psutil.Process(root)
    return [process, *process.children(recursive=True)]


def _cpu_seconds(root: int) -> Mapping[str, float]:
    """User's and system's, by name; what children that have ended used counts for their parent."""
    spent: Counter[str] = Counter()
    for process in _tree(root):
        times = process.cpu_times()
        spent[_name(process)] += (  # type: ignore[assignment]
            times.user + times.system + times.children_user + times.children_system
        )
    return spent


def _memory(root: int) -> tuple[Mapping[str, int], Counter[str]]:
    """Bytes (proportional set size) and processes, by name."""
    held: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for process in _tree(root):
        name = _name(process)
        held[name] += process.memory_full_info().pss
        number[name] += 1
    return held, number


def _name(process: psutil.Process) -> str:
    words = title(process)
    for pattern, name in _NAMES.items():
        if found := re.search(pattern, words):
            return found.expand(name)
    return words[:60] or process.name()


if __name__ == "__main__":
    main()
