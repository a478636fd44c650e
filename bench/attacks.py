"""One caller attacks, others go on: `python -m bench.attacks`.

Starts the service without its engine, and measures what two honest callers get: one that asks for
/health/live 20 times a second, and one that categorizes new names, one after the other. Then each
attack runs from a process of its own while they go on. On a machine of few cores the attacker's own
work slows the honest callers too, so the table says how much of the machine it took. Linux.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np

from bench.load_generator import wait_until_idle
from bench.requests import LABELS, WORDS, categorize, new_name
from tests.acceptance.service import running

MiB: Final = 1024 * 1024
_PROBE_INTERVAL_S: Final = 0.05
_HEADERS: Final = {"x-tenant-id": "attacker", "content-type": "application/json"}
#: Connections of the attacks that leave requests unfinished.
_CONNECTIONS: Final = 1_000

Attack = Callable[[aiohttp.ClientSession, str, Counter[Any]], Awaitable[None]]
"""Attacks once, from a session at a URL, and counts the statuses of the answers."""


@dataclass(frozen=True)
class Honest:
    """What honest callers got meanwhile; latencies in milliseconds."""

    live: np.ndarray
    categorize: np.ndarray
    seconds: float
    failures: int

    def row(self) -> str:
        return (
            f"{np.percentile(self.live, 99):.0f} | {self.live.max():.0f} | "
            f"{np.percentile(self.categorize, 95):.0f} | "
            f"{len(self.categorize) / self.seconds:.0f} | {self.failures}"
        )


async def corrections(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Categorize 500 long names, against long corrections."""
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["".join(rng.choices(letters, k=500)) for _ in range(500)]
    if not statuses:
        path, body = categorize("milk")
        async with session.post(url + path, json=body, headers=_HEADERS) as response:
            artifact_id = (await response.json())["metadata"]["artifact_id"]
        for name in names[:150]:
            correction = {"item_name": name, "category": "Dairy"}
            feedback = {
                "rating": "thumbs_down",
                "artifact_id": artifact_id,
                "correction": correction,
            }
            await _post(session, url, "/api/v1/feedback", feedback, Counter())
    body = {
        "payload": {
            "items": [{"id": n, "name": name[1:]} for n, name in enumerate(names)],
            "candidate_labels": LABELS,
        }
    }
    await _post(session, url, "/api/v1/categorize-batch", body, statuses)


async def empty_lists(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Send 27 MB of empty lists."""
    body = b'{"payload": [' + b"[]," * 9_000_000 + b"[]]}"
    await _post(session, url, "/api/v1/categorize", body, statuses)


async def largest_plan(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Plan with as many recipes and ingredients as may be: 21 MB."""
    await _post(session, url, "/api/v1/optimize/meal-plan", plan(2_000, 100), statuses)


async def usual_plan(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Plan with 300 recipes of 12 ingredients."""
    await _post(session, url, "/api/v1/optimize/meal-plan", plan(300, 12), statuses)


async def largest_search(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Search in 5 000 documents of 5 KB: 30 MB."""
    await _post(session, url, "/api/v1/search", search(5_000, 1_000), statuses)


async def largest_batch(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Embed 10 000 texts of 3 KB, whose vectors are 40 MB of JSON."""
    await _post(session, url, "/api/v1/embed/batch", embed(10_000, 500), statuses)


async def new_searches(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Search in 5 000 documents that nobody has embedded: more than the time allows."""
    await _post(session, url, "/api/v1/search", search(5_000, 200, equal=False), statuses)


async def new_batches(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Embed 10 000 texts of 1 KB that nobody has embedded: more than the time allows."""
    await _post(session, url, "/api/v1/embed/batch", embed(10_000, 200, equal=False), statuses)


async def long_names(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Categorize 500 new names of 500 characters into 100 new labels of 200."""
    rng = random.Random()
    body = {
        "payload": {
            "items": [{"id": n, "name": _words(rng, 100)[:500]} for n in range(500)],
            "candidate_labels": [_words(rng, 40)[:200] for _ in range(100)],
        }
    }
    await _post(session, url, "/api/v1/categorize-batch", body, statuses)


async def many_scores(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Categorize 500 names into 100 labels: 50 000 scores."""
    body = {
        "payload": {
            "items": [{"id": n, "name": f"{random.random()}"} for n in range(500)],
            "candidate_labels": [f"{WORDS[n % len(WORDS)]} {n}" for n in range(100)],
        }
    }
    await _post(session, url, "/api/v1/categorize-batch", body, statuses)


async def unfinished_bodies(
    session: aiohttp.ClientSession, url: str, statuses: Counter[Any]
) -> None:
    """Open 1 000 connections, each with a head and one byte of a body of 100 000."""
    await _unfinished(url, b"x", statuses)


async def half_bodies(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Open 1 000 connections, each with 50 000 bytes of a body of 100 000."""
    await _unfinished(url, b"x" * 50_000, statuses)


async def slow_heads(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Open 1 000 connections, each with the beginning of a head."""
    await _open(url, b"POST /api/v1/categorize HTTP/1.1\r\nHost: a\r\n", statuses)


async def slow_readers(session: aiohttp.ClientSession, url: str, statuses: Counter[Any]) -> None:
    """Ask for the OpenAPI document on 1 000 connections, many times each, and read nothing."""
    await _open(url, b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 50, statuses)


ATTACKS: Final[Mapping[str, Attack]] = {
    attack.__name__: attack
    for attack in (
        corrections,
        empty_lists,
        usual_plan,
        largest_plan,
        largest_search,
        largest_batch,
        new_searches,
        new_batches,
        long_names,
        many_scores,
        unfinished_bodies,
        half_bodies,
        slow_heads,
        slow_readers,
    )
}


def plan(recipes: int, ingredients: int) -> dict[str, Any]:
    """Return a request for a plan of a week, with so many recipes and ingredients of each."""
    stock = [
        {"ingredient_id": f"i{n}", "name": f"ingredient {n}", "quantity": 1.5, "unit": "g"}
        for n in range(2_000)
    ]
    return {
        "payload": {
            "planning_horizon": {"start_date": "2026-01-01", "days": 7, "meal_types": ["dinner"]},
            "inventory": stock,
            "recipes": [
                {
                    "id": f"r{recipe}",
                    "name": f"recipe {recipe}",
                    "prep_time": 10,
                    "cook_time": 20,
                    "tags": ["a", "b"],
                    "ingredients": [
                        {
                            "ingredient_id": f"i{(recipe * 7 + n) % 2_000}",
                            "name": f"ingredient {(recipe * 7 + n) % 2_000}",
                            "quantity": 200,
                            "unit": "g",
                            "optional": False,
                        }
                        for n in range(ingredients)
                    ],
                }
                for recipe in range(recipes)
            ],
            "timeout_ms": 20_000,
        }
    }


def search(documents: int, words: int, *, equal: bool = True) -> Mapping[str, Any]:
    """Return a search in so many documents of so many words; `equal` ones are embedded once."""
    listed = _texts(documents, words, equal=equal)
    return {"payload": {"query": "tomato", "documents": listed}}


def embed(texts: int, words: int, *, equal: bool = True) -> Mapping[str, Any]:
    """Return a request for the vectors of so many texts of so many words; see `search`."""
    return {"texts": _texts(texts, words, equal=equal), "batch_size": 256}


def _texts(count: int, words: int, *, equal: bool) -> list[dict[str, Any]]:
    rng = random.Random()
    text = _words(rng, words)
    return [{"id": n, "text": text if equal else _words(rng, words)} for n in range(count)]


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


async def _post(
    session: aiohttp.ClientSession, url: str, path: str, body: Any, statuses: Counter[Any]
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        async with session.post(url + path, data=data, headers=_HEADERS) as response:
            await response.read()
            statuses[response.status] += 1
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        statuses[type(error).__name__] += 1


async def _unfinished(url: str, sent: bytes, statuses: Counter[Any]) -> None:
    head = (
        b"POST /api/v1/categorize HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100000\r\n\r\n"
    )
    await _open(url, head + sent, statuses)


async def _open(url: str, data: bytes, statuses: Counter[Any]) -> None:
    """Keep 1 000 connections open on which `data` was sent; open another for each that ends."""
    host, port = url.removeprefix("http://").split(":")

    async def connection() -> None:
        while True:
            try:
                # Another address than the honest callers', whose connections it would use up.
                reader, writer = await asyncio.open_connection(
                    host, int(port), local_addr=("127.0.0.2", 0), limit=1024
                )
                writer.write(data)
                try:
                    line = await reader.readline() if data.endswith(b"x") else b""
                    statuses[line[9:12].decode() or "closed"] += 1
                    await writer.wait_closed() if not line else writer.close()
                finally:
                    writer.close()
            except OSError as error:
                statuses[type(error).__name__] += 1
                await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(connection())


def attack(name: str, url: str, seconds: float, started: Event, statuses: Any) -> None:
    """Attack for some seconds; the entry point of the attacker's process."""
    counted: Counter[Any] = Counter()

    async def run() -> None:
        timeout = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            started.set()
            try:
                async with asyncio.timeout(seconds):
                    while True:
                        await ATTACKS[name](session, url, counted)
            except TimeoutError:
                pass

    asyncio.run(run())
    statuses.update(counted)


async def honest(url: str, until: Callable[[], bool]) -> Honest:
    """Probe and categorize until the condition holds."""
    live: list[float] = []
    names: list[float] = []
    failures = 0
    rng = random.Random()  # names that were not asked for before
    started = time.perf_counter()

    async def timed(session: aiohttp.ClientSession, path: str, body: Any) -> float:
        nonlocal failures
        started = time.perf_counter()
        try:
            async with session.request(
                "GET" if body is None else "POST", url + path, json=body
            ) as response:
                await response.read()
                failures += response.status != 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            failures += 1
        return (time.perf_counter() - started) * 1000

    async def probe(session: aiohttp.ClientSession) -> None:
        due = time.perf_counter()
        probes: set[asyncio.Task[None]] = set()

        async def one() -> None:
            live.append(await timed(session, "/health/live", None))

        while not until():
            # Open loop: a probe that waits doesn't hide those that would have come after it.
            probes.add(asyncio.create_task(one()))
            due += _PROBE_INTERVAL_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*probes)

    async def names_one_by_one(session: aiohttp.ClientSession) -> None:
        while not until():
            path, body = new_name(rng)
            names.append(await timed(session, path, body))

    async with aiohttp.ClientSession(
        headers={"x-tenant-id": "honest"}, timeout=aiohttp.ClientTimeout(total=60)
    ) as session:
        await asyncio.gather(probe(session), names_one_by_one(session))
    seconds = time.perf_counter() - started
    return Honest(np.array(live), np.array(names), seconds, failures)


def measure(url: str, name: str, seconds: float) -> tuple[Honest, Mapping[Any, int]]:
    """Return what honest callers got during the attack, and what the attacker got."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        statuses = manager.dict()
        started = context.Event()
        attacker = context.Process(target=attack, args=(name, url, seconds, started, statuses))
        attacker.start()
        started.wait()
        result = asyncio.run(honest(url, lambda: not attacker.is_alive()))
        attacker.join()
        return result, dict(statuses)


def main() -> None:
    """Parse the arguments, run every attack, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.attacks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each attack")
    parser.add_argument("--only", nargs="*", choices=ATTACKS, help="these attacks")
    parser.add_argument("--serve-proxy", action="store_true", help="Ray Serve's own proxy")
    arguments = parser.parse_args()
    settings = {"haproxy": not arguments.serve_proxy}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), settings=settings) as it:
        wait_until_idle()
        end = time.monotonic() + arguments.seconds
        quiet = asyncio.run(honest(it.url, lambda: time.monotonic() > end))
        print(
            "| attack | live p99, ms | live max | categorize p95, ms | names/s | failures "
            "| attacker got |\n"
            f"|---|---|---|---|---|---|---|\n| none | {quiet.row()} | |",
            flush=True,
        )
        for name in arguments.only or ATTACKS:
            result, got = measure(it.url, name, arguments.seconds)
            answers = ", ".join(
                f"{status}: {count}" for status, count in sorted(got.items(), key=str)
            )
            print(f"| {name} | {result.row()} | {answers} |", flush=True)
            wait_until_idle()


if __name__ == "__main__":
    main()
