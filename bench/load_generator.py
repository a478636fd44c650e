"""A closed-loop load generator over HTTP: each client has one request in flight at a time."""

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

#: Returns the next request's path and JSON body (None for a GET).
NextRequest = Callable[[], tuple[str, dict[str, Any] | None]]


def wait_until_idle() -> None:
    """Wait until the machine is nearly idle, for at most half a minute.

    A service that has just become ready still works for some seconds.
    """
    for _ in range(30):
        if psutil.cpu_percent(interval=1) < 20:
            return


@dataclass(frozen=True)
class LoadResult:
    """The result of one run. Latencies, in milliseconds, are of the responses with status 200."""

    seconds: float
    statuses: Counter[int]  # 0: no response
    latencies: np.ndarray
    other_cpu: float  # cores that other processes of the machine used meanwhile

    @property
    def per_second(self) -> float:
        """Responses with status 200 per second."""
        return self.statuses[200] / self.seconds

    def percentile(self, q: float) -> float:
        """Return the q-th percentile of the latencies; NaN if there are none."""
        return float(np.percentile(self.latencies, q)) if len(self.latencies) else float("nan")


def load(url: str, next_request: NextRequest, *, clients: int, seconds: float) -> LoadResult:
    """Run `clients` for `seconds`, after a second that is not measured: connections open in it."""
    started, other_cpu_seconds = time.perf_counter(), _other_cpu_seconds()
    statuses, latencies = asyncio.run(_load(url, next_request, clients, seconds))
    other_cpu = (_other_cpu_seconds() - other_cpu_seconds) / (time.perf_counter() - started)
    return LoadResult(seconds, statuses, np.array(latencies), other_cpu)


def _other_cpu_seconds() -> float:
    """Return the machine's CPU seconds without those of this process and its descendants."""
    times = psutil.cpu_times()
    busy = float(sum(times) - times.idle - getattr(times, "iowait", 0.0))
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            busy -= sum(process.cpu_times()[:4])  # children that have ended included
    return busy


async def send(
    session: aiohttp.ClientSession, url: str, path: str, body: dict[str, Any] | None
) -> int:
    """Send a request and read its response; return the status, 0 if there was no response."""
    method = "GET" if body is None else "POST"
    try:
        async with session.request(method, url + path, json=body) as response:
            await response.read()
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return 0


async def _load(
    url: str, next_request: NextRequest, clients: int, seconds: float
) -> tuple[Counter[int], list[float]]:
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    begin = time.perf_counter() + 1.0
    end = begin + seconds

    async def client(session: aiohttp.ClientSession) -> None:
        while (started := time.perf_counter()) < end:
            status = await send(session, url, *next_request())
            now = time.perf_counter()
            if begin <= now <= end:
                statuses[status] += 1
                if status == 200:
                    latencies.append((now - started) * 1e3)

    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(
            connector=connector,
            headers={"x-tenant-id": "bench"},
            timeout=aiohttp.ClientTimeout(total=120),
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(clients):
            group.create_task(client(session))
    return statuses, latencies
