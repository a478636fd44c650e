"""The engine behind this service against vLLM's own OpenAI server, same model, same arguments.

    python -m bench.engine --rounds 2

They run in turns, never at once: each is started, measured and stopped. vLLM's server runs twice,
as it comes and with its worker in the engine's process, as this service has it. Throughput is of
streamed answers of a fixed length, one and eight at once; the first token's delay is of streams
one after another. Needs the engine's packages (`make run` installs them).
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from sidecar.core.settings import Settings
from sidecar.llm.model import EngineModel, environment, resolve_model

REPOSITORY = Path(__file__).parents[1]
PROMPT = "Write a long story about a grocer who could not stop counting apples. Story number "
START_LIMIT_S = 300
IN_ENGINE = "VLLM_ENABLE_V1_MULTIPROCESSING"


@dataclass(frozen=True)
class Server:
    """A server that answers chats."""

    url: str
    process: subprocess.Popen[bytes]
    cold_start_s: float


@dataclass(frozen=True)
class Measured:
    """One round of one server."""

    cold_start_s: float
    one_stream: float  # tokens a second
    eight_streams: float
    first_token_ms: float  # median
    idle_percent: float  # of one core, all its processes together


@contextmanager
def ours(model: EngineModel, port: int, folder: Path) -> Iterator[Server]:
    """This service; its cold start is that of its engine."""
    config = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    settings = {
        "data_dir": str(folder),
        "log_level": "WARNING",
        "engine": {"tenant_concurrency": 16},
    }
    for application in config["applications"]:
        application["args"] = settings
    file = folder / "serve_config.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "deployments.launcher", str(file)]
    with _running(command, port, model, folder / "service.log", {}) as server:
        yield server


@contextmanager
def theirs(
    model: EngineModel, port: int, folder: Path, *, in_engine: bool = False
) -> Iterator[Server]:
    """vLLM's own server; its worker is a process, or in the engine's."""
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model.path, "--served-model-name", model.name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--chat-template", str(model.chat_template)),
        *("--enable-auto-tool-choice", "--tool-call-parser", model.tool_parser),
        *_flags(model),
    ]
    variables = environment(Settings(), len(os.sched_getaffinity(0)))
    variables[IN_ENGINE] = "0" if in_engine else "1"
    with _running(command, port, model, folder / "vllm.log", variables) as server:
        yield server


def _flags(model: EngineModel) -> Iterator[str]:
    for name, value in model.engine_arguments.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            yield flag
        elif value is False:
            yield "--no-" + flag.removeprefix("--")
        elif isinstance(value, list):
            yield from (flag, *value)
        else:
            yield from (flag, json.dumps(value) if isinstance(value, dict) else str(value))


@contextmanager
def _running(
    command: list[str], port: int, model: EngineModel, log: Path, variables: Mapping[str, str]
) -> Iterator[Server]:
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url, model.name):
            if process.poll() is not None or time.perf_counter() - started > START_LIMIT_S:
                raise SystemExit(f"{command[2]} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(1)  # each look costs the service, which starts meanwhile
        yield Server(url, process, time.perf_counter() - started)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        for child in psutil.wait_procs(children, timeout=20)[1]:
            child.kill()


def _answers(url: str, model: str) -> bool:
    try:
        models = httpx.get(f"{url}/v1/models", timeout=5)
    except httpx.HTTPError:
        return False
    return models.status_code == 200 and model in models.text


async def measure(server: Server, model: str, tokens: int, firsts: int) -> Measured:
    """The figures of a server that is up and has nothing else to do."""
    async with httpx.AsyncClient(
        base_url=server.url, headers={"x-tenant-id": "bench"}, timeout=300
    ) as client:
        await _stream(client, model, "warm", 16)
        one = [await _rate(client, model, f"one-{n}", 1, tokens) for n in range(2)]
        eight = [await _rate(client, model, f"eight-{n}", 8, tokens) for n in range(2)]
        delays = [(await _stream(client, model, f"first-{n}", 2))[0] for n in range(firsts)]
    return Measured(
        cold_start_s=server.cold_start_s,
        one_stream=statistics.median(one),
        eight_streams=statistics.median(eight),
        first_token_ms=statistics.median(delays) * 1000,
        idle_percent=_idle(server.process.pid),
    )


async def _rate(
    client: httpx.AsyncClient, model: str, name: str, streams: int, tokens: int
) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(_stream(client, model, f"{name}-{n}", tokens) for n in range(streams)))
    return streams * tokens / (time.perf_counter() - started)


async def _stream(
    client: httpx.AsyncClient, model: str, name: str, tokens: int
) -> tuple[float, int]:
    """Seconds to the first token, and how many events came."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": PROMPT + name}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
        "temperature": 0,
    }
    started, first, events = time.perf_counter(), 0.0, 0
    async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if '"content":"' in line and '"content":""' not in line:
                first = first or time.perf_counter() - started
                events += 1
    return first, events


def _idle(pid: int, seconds: float = 10.0) -> float:
    """The CPU time that a server's vLLM processes take while nobody asks, in percent of a core."""
    processes = [
        process
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        if any(word in " ".join(process.cmdline()) for word in ("VLLM::", "Engine", "api_server"))
    ]

    def used() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    time.sleep(2)
    before = used()
    time.sleep(seconds)
    return 100 * (used() - before) / seconds


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--firsts", type=int, default=15, help="streams for the first token")
    parser.add_argument("--port", type=int, default=8470)
    options = parser.parse_args()
    servers = {
        "this service": ours,
        "vLLM's server": theirs,
        "vLLM's server, its worker in the engine": partial(theirs, in_engine=True),
    }
    measured: dict[str, list[Measured]] = {name: [] for name in servers}
    with tempfile.TemporaryDirectory() as scratch:
        model = resolve_model(Settings(data_dir=Path(scratch)))
        for _ in range(options.rounds):
            for name, start in servers.items():
                folder = Path(tempfile.mkdtemp(dir=scratch))
                with start(model, options.port, folder) as server:
                    work = measure(server, model.name, options.tokens, options.firsts)
                    measured[name].append(asyncio.run(work))
    print(
        "| server | cold start s | tokens/s, 1 | tokens/s, 8 | first token ms | idle % of a core |"
    )
    print("|---|---|---|---|---|---|")
    rows: dict[str, list[float]] = {}
    for name, rounds in measured.items():
        rows[name] = row = [
            statistics.median(getattr(one, field) for one in rounds)
            for field in Measured.__dataclass_fields__
        ]
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |")
    mine, *others = rows.values()
    for other in others:
        print(
            f"| to that | {mine[0] / other[0]:.2f} | {mine[1] / other[1]:.2f} "
            f"| {mine[2] / other[2]:.2f} | {mine[3] - other[3]:+.0f} ms | |"
        )


if __name__ == "__main__":
    main()
