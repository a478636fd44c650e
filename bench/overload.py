"""Measures the service under three times its peak load: `python -m bench.overload`.

Finds the peak first: the most responses per second at the best number of clients. Then requests
arrive at three times that rate for a minute, whether or not earlier ones have been answered. Then
one client measures the usual latency again, and the peak is measured again. The speed of a shared
machine varies, so the overload is compared with the mean of the two peaks. The requests are new
names to categorize, each with its artifact committed. At the end 200 bodies of 32 MiB arrive at
once. Without the engine. Linux.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx
import numpy as np
import psutil
import uvloop

from bench.load_generator import load, wait_until_idle
from bench.requests import new_name
from tests.acceptance.service import Service, running

CLIENTS = (16, 64, 128)
OVERLOAD_FACTOR = 3
RECOVERED_FACTOR = 2.0  # times the usual median latency
BODY_BYTES = 32 * 2**20 - 1024


@dataclass(frozen=True, slots=True)
class Response:
    """The response to one request, with times in seconds of one clock."""

    sent_at: float
    received_at: float
    status: int  # 0: no response
    retry_after: str | None

    @property
    def seconds(self) -> float:
        """The latency."""
        return self.received_at - self.sent_at


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of overload")
    parser.add_argument("--peak-seconds", type=float, default=15, help="of each peak measurement")
    parser.add_argument("--bodies", type=int, default=200, help="of 32 MiB at once")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        wait_until_idle()

        def throughput(clients: int) -> float:
            result = load(
                service.url, lambda: new_name(rng), clients=clients, seconds=options.peak_seconds
            )
            return result.per_second

        peak, clients = max((throughput(clients), clients) for clients in CLIENTS)
        before = _single_client(service, rng, seconds=5)
        usual_s = float(np.median([response.seconds for response in before]))
        memory = _memory(service)
        rate = OVERLOAD_FACTOR * peak
        requests = [_request(*new_name(rng)) for _ in range(round(rate * options.seconds))]
        responses, max_memory = uvloop.run(_open_loop(service, requests, rate))
        after = _single_client(service, rng, seconds=15)
        _print((peak, throughput(clients)), usual_s, responses, after, options.seconds)
        print(f"| memory before, at most, after, MB | {memory:.0f}, {max_memory:.0f}, ", end="")
        print(f"{_memory(service):.0f} |")
        statuses, max_memory = asyncio.run(_large_bodies(service, options.bodies))
        print(f"| {options.bodies} bodies of 32 MiB at once: responses | {statuses} |")
        print(f"| … memory at most, MB | {max_memory:.0f} |")


def _print(
    peaks: tuple[float, float],
    usual_s: float,
    responses: Sequence[Response],
    after: Sequence[Response],
    seconds: float,
) -> None:
    answered = [response for response in responses if response.status == 200]
    refused = [response for response in responses if response.status == 503]
    others = len(responses) - len(answered) - len(refused)
    with_retry_after = sum(response.retry_after is not None for response in refused)
    begin = after[0].sent_at
    latencies: dict[int, list[float]] = defaultdict(list)  # by the second after the overload
    for response in after:
        latencies[int(response.sent_at - begin)].append(response.seconds)
    limit = RECOVERED_FACTOR * usual_s
    slow = [second + 1 for second, values in latencies.items() if np.median(values) > limit]
    print("| overload | |")
    print("|---|---|")
    peak = sum(peaks) / 2
    print(f"| peak before and after, responses/s | {peaks[0]:.0f}, {peaks[1]:.0f} |")
    print(f"| offered, requests/s | {len(responses) / seconds:.0f} |")
    print(f"| answered, /s (share of the peak) | {len(answered) / seconds:.0f} ", end="")
    print(f"({len(answered) / seconds / peak:.2f}) |")
    print(f"| … p50, p95 ms | {_percentiles(answered)} |")
    print(f"| refused with 503 (with Retry-After) | {len(refused)} ({with_retry_after}) |")
    print(f"| … p50, p95 ms | {_percentiles(refused)} |")
    print(f"| answered otherwise, or not at all | {others} |")
    print(f"| usual latency of one client before, p50 ms | {1e3 * usual_s:.0f} |")
    print(f"| seconds until its median is within twice that again | {max(slow, default=0)} |")


def _percentiles(responses: Sequence[Response]) -> str:
    if not responses:
        return "-"
    p50, p95 = np.percentile([1e3 * response.seconds for response in responses], [50, 95])
    return f"{p50:.0f}, {p95:.0f}"


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"x-tenant-id": "bench", "content-type": "application/json"},
        timeout=aiohttp.ClientTimeout(total=120),
    )


async def _send(session: aiohttp.ClientSession, url: str, body: bytes) -> Response:
    sent_at = time.perf_counter()
    status, retry_after = 0, None
    try:
        async with session.post(url, data=body) as response:
            await response.read()
            status, retry_after = response.status, response.headers.get("retry-after")
    except (aiohttp.ClientError, TimeoutError):
        pass
    return Response(sent_at, time.perf_counter(), status, retry_after)


def _single_client(service: Service, rng: random.Random, *, seconds: float) -> Sequence[Response]:
    """Send one request after the other."""

    async def run() -> Sequence[Response]:
        responses: list[Response] = []
        end = time.perf_counter() + seconds
        async with _session() as session:
            while time.perf_counter() < end:
                path, body = new_name(rng)
                data = json.dumps(body).encode()
                responses.append(await _send(session, service.url + path, data))
        return responses

    return asyncio.run(run())


async def _open_loop(
    service: Service, requests: Sequence[bytes], rate: float
) -> tuple[Sequence[Response], float]:
    """Send requests at a fixed rate; return the responses and the peak memory, in MB."""
    stop = asyncio.Event()
    max_memory = asyncio.create_task(_max_memory(service, stop))
    url = httpx.URL(service.url)
    idle: list[_Connection] = []
    responses: list[Response] = []

    def on_response(connection: _Connection, response: Response) -> None:
        responses.append(response)
        if response.status:
            idle.append(connection)

    async def connect() -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: _Connection(on_response), url.host, url.port
        )
        return connection

    begin = time.perf_counter()
    for number, request in enumerate(requests):
        while time.perf_counter() - begin < number / rate:
            await asyncio.sleep(0.002)
        connection = idle.pop() if idle else await connect()
        connection.send(request)
    while len(responses) < len(requests):
        await asyncio.sleep(0.002)
    stop.set()
    return responses, await max_memory


class _Connection(asyncio.Protocol):
    """A minimal HTTP client with one request at a time.

    A full client would take CPU time that the service on the same machine needs.
    """

    def __init__(self, on_response: Callable[["_Connection", Response], None]) -> None:
        self._on_response = on_response
        self._sent_at = 0.0  # 0: no request in flight
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class isn't a subclass

    def send(self, request: bytes) -> None:
        """Send a request; the previous one must have been answered."""
        self._sent_at, self._received = time.perf_counter(), b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        if len(body) == int(headers[b"content-length"]):
            retry_after = headers.get(b"retry-after")
            self._finish(
                int(head.split(b" ", 2)[1]), None if retry_after is None else retry_after.decode()
            )

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(0, None)

    def _finish(self, status: int, retry_after: str | None) -> None:
        if self._sent_at:
            sent_at, self._sent_at = self._sent_at, 0.0
            self._on_response(self, Response(sent_at, time.perf_counter(), status, retry_after))


def _request(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-tenant-id: bench\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _large_bodies(service: Service, count: int) -> tuple[str, float]:
    """Send large bodies at once; return the responses by status and the peak memory, in MB."""
    stop = asyncio.Event()
    max_memory = asyncio.create_task(_max_memory(service, stop))
    body = b'{"payload": {"item_name": "' + b"a" * BODY_BYTES + b'"}}'
    url = f"{service.url}/api/v1/categorize"
    async with _session() as session:
        responses = await asyncio.gather(*(_send(session, url, body) for _ in range(count)))
    stop.set()
    counts = Counter(response.status for response in responses)
    return ", ".join(f"{n} x {status}" for status, n in sorted(counts.items())), await max_memory


async def _max_memory(service: Service, stop: asyncio.Event) -> float:
    max_memory = 0.0
    while not stop.is_set():
        max_memory = max(max_memory, await asyncio.to_thread(_memory, service))
        await asyncio.sleep(2)
    return max_memory


def _memory(service: Service) -> float:
    """Return the resident memory of replicas and proxy, in MB."""
    return sum(
        process.memory_info().rss / 1e6
        for words in ("ray::ServeReplica", "haproxy -", "ray::ProxyActor")
        for process in service.processes(words)
        if process.status() != psutil.STATUS_ZOMBIE
    )


if __name__ == "__main__":
    main()
