"""Measures this machine's GPUs in about ten minutes, and writes a page: `make bench-gpu`.

The model and the shares are those that `make run` chooses. Tokens and first tokens beside vLLM's
own server; then, on this service, receipts by the vision model, new names, and the engine's
replicas under load. What can't be measured here stands in the table with the reason.
"""

import argparse
import asyncio
import random
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml

from bench.engine import REPOSITORY, measure, service, vllm_server
from bench.requests import Request, new_name, receipt
from deployments.launcher import hardware
from deployments.launcher.config import load_config
from deployments.launcher.placement import Placement
from sidecar.core.settings import Settings
from sidecar.llm.model import EngineModel, resolve_model

PAGE = REPOSITORY / "docs" / "benchmarks" / "gpu.md"
_SCALE_LIMIT_S = 300.0
Rows = list[tuple[str, str]]


def main() -> None:
    """Parse the arguments, measure, write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.add_argument("--port", type=int, default=8470)
    parser.add_argument("--tokens", type=int, default=256, help="of each response")
    parser.add_argument("--seconds", type=float, default=60, help="of each load")
    parser.add_argument("--on-cpu", action="store_true", help="where there is no GPU: to try it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        placement, settings = _placement(Path(scratch))
        if not placement.engine_gpus and not options.on_cpu:
            raise SystemExit(f"Nothing to measure: {placement.reason}.")
        rows = _measure(placement, resolve_model(settings), options, Path(scratch))
    options.out.write_text(_page(placement, rows))
    print(options.out.read_text())


def _placement(scratch: Path) -> tuple[Placement, Settings]:
    serve = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    file = scratch / "serve_config.yaml"
    file.write_text(yaml.safe_dump(serve))
    config, placement = hardware.fit(load_config(file))
    return placement, config.settings


def _measure(
    placement: Placement, model: EngineModel, options: argparse.Namespace, scratch: Path
) -> Rows:
    rows: Rows = []
    for name, start in (("this service", service), ("vLLM's own server", vllm_server)):
        folder = Path(tempfile.mkdtemp(dir=scratch))
        with start(model, options.port, folder) as server:
            found = asyncio.run(measure(server, model.name, options.tokens, 15))
            rows += [
                (
                    f"{name}: ready after",
                    f"{found.cold_start_s:.0f} s",
                ),
                (f"{name}: one stream", f"{found.one_stream:.0f} tokens/s"),
                (f"{name}: eight streams", f"{found.eight_streams:.0f} tokens/s"),
                (f"{name}: first token", f"{found.first_token_ms:.0f} ms"),
            ]
            if start is service:
                rows += asyncio.run(_measure_service(server.url, placement, model, options))
    rows.append(("vllm-router", "not measured: it routes between servers; Serve does that here"))
    return rows


async def _measure_service(
    url: str, placement: Placement, model: EngineModel, options: argparse.Namespace
) -> Rows:
    rng = random.Random(0)
    async with httpx.AsyncClient(
        base_url=url, headers={"x-tenant-id": "bench"}, timeout=300
    ) as client:
        names = await _rate(client, lambda: new_name(rng), clients=16, seconds=options.seconds)
        rows = [("new names, 16 clients", names)]
        if placement.engine_settings.get("vision"):
            path, body = receipt()
            body["payload"]["options"] = {"engine": "vision"}
            read = await _rate(client, lambda: (path, body), clients=8, seconds=options.seconds)
            rows.append(("receipts by the vision model, 8 clients", read))
        else:
            rows.append(("receipts by the vision model", "not measured: the model takes no images"))
        rows.append(("replicas under load", await _scale(client, placement, model)))
    return rows


async def _rate(
    client: httpx.AsyncClient, make: Callable[[], Request], *, clients: int, seconds: float
) -> str:
    """Return the rate of successes, and the number of failures if there are any."""
    until = time.monotonic() + seconds
    statuses: list[int] = []

    async def call() -> None:
        while time.monotonic() < until:
            path, body = make()
            statuses.append((await client.post(path, json=body)).status_code)

    started = time.monotonic()
    await asyncio.gather(*(call() for _ in range(clients)))
    passed = time.monotonic() - started
    good = sum(status == 200 for status in statuses)
    failed = f", {len(statuses) - good} of {len(statuses)} failed" if good < len(statuses) else ""
    return f"{good / passed:.1f}/s, {60 * good / passed:.0f} a minute{failed}"


async def _scale(client: httpx.AsyncClient, placement: Placement, model: EngineModel) -> str:
    """Load the engine until it has a replica on each GPU; say how long that took."""
    if placement.engine_replicas < 2:
        return "not measured: there is one GPU"
    stop = asyncio.Event()
    body = {
        "model": model.name,
        "messages": [{"role": "user", "content": "Tell a long story."}],
        "max_tokens": 512,
        "ignore_eos": True,
    }

    async def chat(number: int) -> None:
        # A tenant of its own for every eight: each has a limit of requests at once.
        headers = {"x-tenant-id": f"bench-{number // 8}"}
        while not stop.is_set():
            await client.post("/v1/chat/completions", json=body, headers=headers)

    started = time.monotonic()
    streams = placement.engine_replicas * placement.engine_settings["max_sequences"]
    load = [asyncio.create_task(chat(number)) for number in range(streams)]
    try:
        while (count := await _replicas(client)) < placement.engine_replicas:
            if time.monotonic() - started > _SCALE_LIMIT_S:
                return f"{count} of {placement.engine_replicas} after {_SCALE_LIMIT_S:.0f} s"
            await asyncio.sleep(1)
        return f"{count} after {time.monotonic() - started:.0f} s of {streams} streams"
    finally:
        stop.set()
        await asyncio.gather(*load, return_exceptions=True)


async def _replicas(client: httpx.AsyncClient) -> int:
    ready: Mapping[str, Any] = (await client.get("/health/ready")).json()
    found = re.match(r"(\d+) replica", ready["checks"]["engine"]["detail"])
    return int(found[1]) if found else 0


def _page(placement: Placement, rows: Rows) -> str:
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    day = datetime.now(UTC).date().isoformat()
    return f"""# How fast is it on a GPU?

    make bench-gpu

{placement.reason}. {day}.

| | measured |
|---|---|
{table}
"""


if __name__ == "__main__":
    main()
