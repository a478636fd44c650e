"""Mixed load at half of the peak, for hours: does anything grow? `python -m bench.soak`.

Finds the peak of the mix first, in a closed loop. Then requests arrive at half of that rate,
whether or not earlier ones have been answered, while memory (proportional set size), file
descriptors, threads and processes are counted, by kind of process. Prints what each kind had after
the first minutes and at the end, and the slope of a line through all samples between. Without the
engine. Linux.
"""

import argparse
import asyncio
import contextlib
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import psutil

from bench.load_generator import load, send, wait_until_idle
from bench.planner_instances import instance
from bench.requests import categorize_batch, new_name, new_text, receipt
from bench.startup import group_of, process_tree
from tests.acceptance.service import running

_CLIENTS: Final = 16
_SHARE: Final = 0.5  # of the peak
_FIGURES: Final = ("processes", "memory MB", "descriptors", "threads")
#: Requests that wait for an answer at once, at most: more would be an overload.
_MAX_IN_FLIGHT: Final = 200


@dataclass(frozen=True)
class Sample:
    """What each kind of process had at a time, in seconds from the first sample."""

    seconds: float
    groups: Mapping[str, Sequence[float]]  # the values of _FIGURES


class Mix:
    """The requests of a day: mostly names, and a little of everything else."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._plan = instance(1, 20, 5, timeout_ms=1_000)

    def __call__(self) -> tuple[str, dict[str, Any] | None]:
        """Return the next request."""
        rng = self._rng
        kind = rng.choices(
            ("name", "batch", "embed", "search", "job", "list", "artifacts", "receipt", "plan"),
            (60, 4, 8, 8, 6, 6, 6, 1, 1),
        )[0]
        texts = [{"id": number, "text": new_text(rng)} for number in range(10)]
        match kind:
            case "name":
                return new_name(rng)
            case "batch":
                return categorize_batch([new_text(rng) for _ in range(20)])
            case "embed":
                return "/api/v1/embed", {"texts": texts}
            case "search":
                return "/api/v1/search", {"payload": {"query": new_text(rng), "documents": texts}}
            case "job":
                return "/api/v1/jobs", {"feature": "embedding_batch", "payload": {"texts": texts}}
            case "list":
                return "/api/v1/jobs?limit=20", None
            case "artifacts":
                return "/api/v1/artifacts?limit=20", None
            case "receipt":
                return receipt()
            case _:
                return "/api/v1/optimize/meal-plan", {"payload": self._plan}


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--warm-up", type=float, default=3, help="minutes before the first sample")
    parser.add_argument("--every", type=float, default=20, help="seconds between two samples")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    mix = Mix(options.seed)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        wait_until_idle()
        peak = load(service.url, mix, clients=_CLIENTS, seconds=30).per_second
        print(f"peak {peak:.0f} requests/s; {_SHARE * peak:.0f} for {options.minutes:g} minutes")
        statuses, samples = asyncio.run(
            _soak(service.url, mix, _SHARE * peak, service.process.pid, options)
        )
    print(f"answers: {dict(statuses)}; {len(samples)} samples")
    _print(samples)


async def _soak(
    url: str, mix: Mix, rate: float, root: int, options: argparse.Namespace
) -> tuple[Counter[int], Sequence[Sample]]:
    statuses: Counter[int] = Counter()  # 0: no answer
    samples: list[Sample] = []
    begin = time.monotonic()
    end = begin + 60 * options.minutes

    async def one(session: aiohttp.ClientSession) -> None:
        statuses[await send(session, url, *mix())] += 1

    async def arrive(session: aiohttp.ClientSession) -> None:
        pending: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while due < end:
            if len(pending) < _MAX_IN_FLIGHT:
                task = asyncio.create_task(one(session))
                pending.add(task)
                task.add_done_callback(pending.discard)
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*pending)

    async def sample() -> None:
        await asyncio.sleep(60 * options.warm_up)
        first = time.monotonic()
        while time.monotonic() < end:
            groups = await asyncio.to_thread(_count, root)
            samples.append(Sample(time.monotonic() - first, groups))
            await asyncio.sleep(options.every)

    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"x-tenant-id": "soak"},
            timeout=aiohttp.ClientTimeout(total=60),
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(arrive(session))
        group.create_task(sample())
    return statuses, samples


def _count(root: int) -> Mapping[str, Sequence[float]]:
    """Return the values of _FIGURES by kind of process, and of all."""
    groups: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(_FIGURES))
    for process in process_tree(root):
        with contextlib.suppress(psutil.Error):
            memory = process.memory_full_info().pss / 1e6
            values = (1.0, memory, float(process.num_fds()), float(process.num_threads()))
            for name in (group_of(process), "all"):
                groups[name] = [a + b for a, b in zip(groups[name], values, strict=True)]
    return groups


def _print(samples: Sequence[Sample]) -> None:
    """Print for each kind of process and figure: first, last, and slope an hour.

    First and last are means of a tenth of the samples: a single one catches an attempt at work.
    """
    hours = np.array([sample.seconds for sample in samples]) / 3600
    tenth = max(1, len(samples) // 10)
    print(f"| process | {' | '.join(f'{name}: first, last, an hour' for name in _FIGURES)} |")
    print(f"|---|{'---|' * len(_FIGURES)}")
    names = sorted(
        {name for sample in samples for name in sample.groups},
        key=lambda name: -float(np.mean([s.groups.get(name, [0, 0])[1] for s in samples])),
    )
    for name in names:
        cells = []
        for place in range(len(_FIGURES)):
            values = np.array([s.groups[name][place] if name in s.groups else 0 for s in samples])
            slope = np.polyfit(hours, values, 1)[0] if len(samples) > 1 else 0.0
            first, last = values[:tenth].mean(), values[-tenth:].mean()
            cells.append(f"{first:.0f}, {last:.0f}, {slope:+.0f}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
