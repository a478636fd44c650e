"""Measures the cost of a start and of an idle service: `python -m bench.startup`.

For each start: the seconds until the service is ready, and then of two receipts. After the last
start instead: memory (shared pages counted once) and CPU when idle, by process, and memory after
receipts. Without the engine. Linux.
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
#: Patterns of command lines, and names for the table; the first match counts.
_PROCESS_NAMES = {
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
    parser.add_argument("--seconds", type=float, default=60, help="of the idle measurement")
    options = parser.parse_args()
    print("| start | ready after s | CPU s of all processes until then | two receipts then, s |")
    print("|---|---|---|---|")
    for start in range(1, options.starts + 1):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            with running(Path(folder)) as service:
                ready_s = time.monotonic() - started
                cpu_s = sum(_cpu_seconds(service.process.pid).values())
                is_last = start == options.starts
                receipts = [] if is_last else [_read_receipt(service.url) for _ in range(2)]
                receipts_s = ", ".join(f"{seconds:.1f}" for seconds in receipts)
                print(f"| {start} | {ready_s:.1f} | {cpu_s:.1f} | {receipts_s} |", flush=True)
                if is_last:
                    time.sleep(options.settle)
                    _print_idle(service.process.pid, options.seconds)
                    _print_after_receipts(service, options.settle)


def _read_receipt(url: str) -> float:
    """Read a receipt; return the seconds it took."""
    path, body = receipt()
    started = time.monotonic()
    httpx.post(url + path, json=body, headers=_TENANT, timeout=120).raise_for_status()
    return time.monotonic() - started


def _print_after_receipts(service: Service, settle_s: float) -> None:
    with ThreadPoolExecutor(4) as callers:
        for _ in callers.map(_read_receipt, [service.url] * 24):
            pass
    at_once = sum(_memory(service.process.pid)[0].values())
    time.sleep(settle_s)
    later = sum(_memory(service.process.pid)[0].values())
    print("\n| after 24 receipts of 4 callers | memory MB |")
    print("|---|---|")
    print(f"| at once | {at_once / 1e6:.0f} |")
    print(f"| {settle_s:.0f} s later | {later / 1e6:.0f} |")


def _print_idle(root: int, seconds: float) -> None:
    before = _cpu_seconds(root)
    started = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - started
    after = _cpu_seconds(root)
    memory, counts = _memory(root)
    shares = {name: (after[name] - before.get(name, 0.0)) / elapsed for name in after}
    print("\n| idle | processes | memory MB | % of a core |")
    print("|---|---|---|---|")
    for name in sorted(memory, key=lambda name: -memory[name]):
        share = 100 * shares.get(name, 0.0)
        print(f"| {name} | {counts[name]} | {memory[name] / 1e6:.0f} | {share:.2f} |")
    total = 100 * sum(shares.values())
    print(f"| all | {counts.total()} | {sum(memory.values()) / 1e6:.0f} | {total:.2f} |")


def process_tree(root: int) -> list[psutil.Process]:
    """Return the process and its descendants."""
    process = psutil.Process(root)
    return [process, *process.children(recursive=True)]


def _cpu_seconds(root: int) -> Mapping[str, float]:
    """Return user and system CPU seconds by name; ended children count for their parent."""
    seconds: Counter[str] = Counter()
    for process in process_tree(root):
        times = process.cpu_times()
        seconds[group_of(process)] += (  # type: ignore[assignment]
            times.user + times.system + times.children_user + times.children_system
        )
    return seconds


def _memory(root: int) -> tuple[Mapping[str, int], Counter[str]]:
    """Return the bytes (proportional set size) and the number of processes, by name."""
    memory: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for process in process_tree(root):
        name = group_of(process)
        memory[name] += process.memory_full_info().pss
        counts[name] += 1
    return memory, counts


def group_of(process: psutil.Process) -> str:
    """Return the name of a process for tables, the same for those of one kind."""
    words = title(process)
    for pattern, name in _PROCESS_NAMES.items():
        if match := re.search(pattern, words):
            return match.expand(name)
    return words[:60] or process.name()


if __name__ == "__main__":
    main()
