"""Closed-loop load over HTTP: so many clients, each with one request under way at a time."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
import psutil

#: Makes the next request: its path and its JSON body (None for a GET).
NextRequest = Callable[[], tuple[str, dict[str, Any] | None]]


def settle() -> None:
    """Returns once the machine does little else, or after half a minute: what has just become ready
    still works for some seconds.
    """
    for _ in range(30):
        if psutil.cpu_percent(interval=1) < 20:
            return


@dataclass(frozen=True)
class Load:
    """What came of it. Latencies, in milliseconds, are of the answers with status 200."""

    seconds: float
    statuses: Counter[int]  # 0: no answer
    latencies: np.ndarray
    others: float  # cores that the rest of the machine took meanwhile

    @property
    def per_second(self) -> float:
        """Answers with status 200 a second."""
        return self.statuses[200] / self.seconds

    def percentile(self, q: float) -> float:
        """Milliseconds within which q percent were answered; NaN when none was."""
        return float(np.percentile(self.latencies, q)) if len(self.latencies) else float("nan")


def load(
    url: str, next_request: NextRequest, *, clients: int, seconds: float, tenant: str = "bench"
) -> Load:
    """Runs `clients` for `seconds`. The first second is not counted: connections open in it."""
    started, others = time.perf_counter(), _others_seconds()
    statuses, latencies = asyncio.run(_load(url, next_request, clients, seconds, tenant))
    share = (_others_seconds() - others) / (time.perf_counter() - started)
    return Load(seconds, statuses, np.array(latencies), share)


def _others_seconds() -> float:
    """CPU seconds of the whole machine, but for this process and all that it has started."""
    times = psutil.cpu_times()
    busy = float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            busy -= sum(process.cpu_times()[:4])  # of those it has waited for, too
    return busy


async def _load(
    url: str, next_request: NextRequest, clients: int, seconds: float, tenant: str
) -> tuple[Counter[int], list[float]]:
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    begin = time.perf_counter() + 1.0
    end = begin + seconds

    async def client(session: aiohttp.ClientSession) -> None:
        while (started := time.perf_counter()) < end:
            path, body = next_request()
            try:
                async with session.request(
                    "GET" if body is None else "POST", url + path, json=body
                ) as answer:
                    await answer.read()
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError):
                status = 0
            now = time.perf_counter()
            if begin <= now <= end:
                statuses[status] += 1
                if status == 200:
                    latencies.append((now - started) * 1e3)

    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            headers={"x-tenant-id": tenant},
            timeout=aiohttp.ClientTimeout(total=120),
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(clients):
            group.create_task(client(session))
    return statuses, latencies
