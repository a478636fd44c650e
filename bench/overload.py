"""What becomes of the service when more is asked than it can do: `python -m bench.overload`.

Finds the peak first: the most answers a second with so many clients as suits it best. Then three
times as many requests arrive a second, for a minute, whether or not those before them have been
answered; after that a single client again, and the peak again: a machine that others share is not
as fast in one minute as in the next, and the minute in between is compared with the mean of the
two. The requests are new names to categorize, each with its artifact committed. In the end 200
bodies of 32 MiB at once. Without the engine. Linux.
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

from bench.load_generator import load, settle
from bench.requests import new_name
from tests.acceptance.service import Service, running

CLIENTS = (16, 64, 128)
TIMES = 3
NORMAL = 2.0  # times the median latency before: what counts as back to normal
BODY_BYTES = 32 * 2**20 - 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was sent and answered (seconds of one clock), how; 0: not at all."""

    sent: float
    answered: float
    status: int
    retry_after: str | None


def main() -> None:
    """Parse the arguments, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of overload")
    parser.add_argument("--peak-seconds", type=float, default=15, help="of each look at it")
    parser.add_argument("--bodies", type=int, default=200, help="of 32 MiB at once")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    names = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as service:
        settle()

        def answered(clients: int) -> float:
            run = load(
                service.url,
                lambda: new_name(names),
                clients=clients,
                seconds=arguments.peak_seconds,
            )
            return run.per_second

        peak, clients = max((answered(clients), clients) for clients in CLIENTS)
        usual = _alone(service, names, seconds=5)
        normal = float(np.median([a.answered - a.sent for a in usual]))
        before = _memory(service)
        rate = TIMES * peak
        bodies = [_request(*new_name(names)) for _ in range(round(rate * arguments.seconds))]
        answers, most = uvloop.run(_flood(service, bodies, rate))
        after = _alone(service, names, seconds=15)
        _print((peak, answered(clients)), normal, answers, after, arguments.seconds)
        print(f"| memory before, at most, after, MB | {before:.0f}, {most:.0f}, ", end="")
        print(f"{_memory(service):.0f} |")
        statuses, most = asyncio.run(_large(service, arguments.bodies))
        print(f"| {arguments.bodies} bodies of 32 MiB at once: answers | {statuses} |")
        print(f"| … memory at most, MB | {most:.0f} |")


def _print(
    peaks: tuple[float, float],
    normal: float,
    answers: Sequence[Answer],
    after: Sequence[Answer],
    seconds: float,
) -> None:
    done = [a for a in answers if a.status == 200]
    refused = [a for a in answers if a.status == 503]
    others = len(answers) - len(done) - len(refused)
    hinted = sum(a.retry_after is not None for a in refused)
    begin = after[0].sent
    seconds_after: dict[int, list[float]] = defaultdict(list)
    for a in after:
        seconds_after[int(a.sent - begin)].append(a.answered - a.sent)
    slow = [n + 1 for n, each in seconds_after.items() if np.median(each) > NORMAL * normal]
    print("| overload | |")
    print("|---|---|")
    peak = sum(peaks) / 2
    print(f"| peak before and after, answers/s | {peaks[0]:.0f}, {peaks[1]:.0f} |")
    print(f"| offered, requests/s | {len(answers) / seconds:.0f} |")
    print(f"| answered, /s (share of the peak) | {len(done) / seconds:.0f} ", end="")
    print(f"({len(done) / seconds / peak:.2f}) |")
    print(f"| … p50, p95 ms | {_percentiles(done)} |")
    print(f"| refused with 503 (with Retry-After) | {len(refused)} ({hinted}) |")
    print(f"| … p50, p95 ms | {_percentiles(refused)} |")
    print(f"| neither | {others} |")
    print(f"| one client before, p50 ms | {1e3 * normal:.0f} |")
    print(f"| seconds until the median of one is within twice that | {max(slow, default=0)} |")


def _percentiles(answers: Sequence[Answer]) -> str:
    if not answers:
        return "-"
    p50, p95 = np.percentile([1e3 * (a.answered - a.sent) for a in answers], [50, 95])
    return f"{p50:.0f}, {p95:.0f}"


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"x-tenant-id": "bench", "content-type": "application/json"},
        timeout=aiohttp.ClientTimeout(total=120),
    )


async def _send(session: aiohttp.ClientSession, url: str, body: bytes) -> Answer:
    sent = time.perf_counter()
    status, retry_after = 0, None
    try:
        async with session.post(url, data=body) as answer:
            await answer.read()
            status, retry_after = answer.status, answer.headers.get("retry-after")
    except (aiohttp.ClientError, TimeoutError):
        pass
    return Answer(sent, time.perf_counter(), status, retry_after)


def _alone(service: Service, names: random.Random, *, seconds: float) -> Sequence[Answer]:
    """One client, one request after the other."""

    async def run() -> Sequence[Answer]:
        answers: list[Answer] = []
        end = time.perf_counter() + seconds
        async with _session() as session:
            while time.perf_counter() < end:
                path, body = new_name(names)
                answers.append(await _send(session, service.url + path, json.dumps(body).encode()))
        return answers

    return asyncio.run(run())


async def _flood(
    service: Service, bodies: Sequence[bytes], rate: float
) -> tuple[Sequence[Answer], float]:
    """Requests at an even rate, answered or not; and the most memory meanwhile, in MB."""
    stop = asyncio.Event()
    memory = asyncio.create_task(_most_memory(service, stop))
    url = httpx.URL(service.url)
    idle: list[_Connection] = []
    answers: list[Answer] = []

    def answered(connection: _Connection, answer: Answer) -> None:
        answers.append(answer)
        if answer.status:
            idle.append(connection)

    async def connected() -> _Connection:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: _Connection(answered), url.host, url.port)
        return made

    begin = time.perf_counter()
    for number, body in enumerate(bodies):
        while time.perf_counter() - begin < number / rate:
            await asyncio.sleep(0.002)
        connection = idle.pop() if idle else await connected()
        connection.send(body)
    while len(answers) < len(bodies):
        await asyncio.sleep(0.002)
    stop.set()
    return answers, await memory


class _Connection(asyncio.Protocol):
    """One request at a time, in few steps: what a client with more to it takes of the machine's
    cores the service would lack.
    """

    def __init__(self, answered: Callable[["_Connection", Answer], None]) -> None:
        self._answered = answered
        self._sent = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name

    def send(self, request: bytes) -> None:
        """Once the answer to the one before is there."""
        self._sent, self._received = time.perf_counter(), b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        headers = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        if len(body) == int(headers[b"content-length"]):
            hint = headers.get(b"retry-after")
            self._end(int(head.split(b" ", 2)[1]), None if hint is None else hint.decode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(0, None)

    def _end(self, status: int, retry_after: str | None) -> None:
        if self._sent:
            sent, self._sent = self._sent, 0.0
            self._answered(self, Answer(sent, time.perf_counter(), status, retry_after))


def _request(path: str, body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\nx-tenant-id: bench\r\n"
    kind = f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
    return (head + kind).encode() + text


async def _large(service: Service, bodies: int) -> tuple[str, float]:
    """So many large bodies at once: the answers counted, and the most memory, in MB."""
    stop = asyncio.Event()
    memory = asyncio.create_task(_most_memory(service, stop))
    body = b'{"payload": {"item_name": "' + b"a" * BODY_BYTES + b'"}}'

    url = f"{service.url}/api/v1/categorize"
    async with _session() as session:
        answers = await asyncio.gather(*(_send(session, url, body) for _ in range(bodies)))
    stop.set()
    counts = Counter(answer.status for answer in answers)
    return ", ".join(f"{n} x {status}" for status, n in sorted(counts.items())), await memory


async def _most_memory(service: Service, stop: asyncio.Event) -> float:
    most = 0.0
    while not stop.is_set():
        most = max(most, await asyncio.to_thread(_memory, service))
        await asyncio.sleep(2)
    return most


def _memory(service: Service) -> float:
    """Resident memory of the processes that answer: replicas and the proxy, in MB."""
    return sum(
        process.memory_info().rss / 1e6
        for words in ("ray::ServeReplica", "haproxy -", "ray::ProxyActor")
        for process in service.processes(words)
        if process.status() != psutil.STATUS_ZOMBIE
    )


if __name__ == "__main__":
    main()
