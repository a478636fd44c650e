"""Compares the engine with vLLM's own OpenAI server: `python -m bench.engine --rounds 2`.

Both serve the same model with the same arguments. They run in turns, never at once: each is
started, measured and stopped. vLLM's server runs twice, with its default processes and with its
worker in the engine's process, as this service has it. Throughput is that of streamed responses of
a fixed length, one and eight at once. The time to the first token is measured on streams one after
another. Needs the engine's packages (`make run` installs them).
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
MULTIPROCESSING = "VLLM_ENABLE_V1_MULTIPROCESSING"


@dataclass(frozen=True)
class Server:
    """A running chat server."""

    url: str
    process: subprocess.Popen[bytes]
    cold_start_s: float


@dataclass(frozen=True)
class Measurement:
    """The figures of one server in one round."""

    cold_start_s: float
    one_stream: float  # tokens per second
    eight_streams: float  # tokens per second
    first_token_ms: float  # median
    idle_percent: float  # of one core, all processes together


@contextmanager
def service(model: EngineModel, port: int, folder: Path) -> Iterator[Server]:
    """Run this service; its cold start ends when its engine is ready."""
    config = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    settings = {
        "data_dir": str(folder),
        "log_level": "WARNING",
        "log_output": "stderr",
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
def vllm_server(
    model: EngineModel, port: int, folder: Path, *, worker_in_engine: bool = False
) -> Iterator[Server]:
    """Run vLLM's own server, with its worker in a process of its own or in the engine's."""
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model.path, "--served-model-name", model.name),
        *("--host", "127.0.0.1", "--port", str(port)),
        *(("--chat-template", model.chat_template) if model.chat_template else ()),
        *(("--reasoning-parser", model.reasoning_parser) if model.reasoning_parser else ()),
        *("--enable-auto-tool-choice", "--tool-call-parser", model.tool_parser),
        *_flags(model),
    ]
    variables = environment(Settings(), len(os.sched_getaffinity(0)))
    variables[MULTIPROCESSING] = "0" if worker_in_engine else "1"
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
        while not _is_ready(url, model.name):
            if process.poll() is not None or time.perf_counter() - started > START_LIMIT_S:
                raise SystemExit(f"{command[2]} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(1)  # polling takes CPU time from the start
        yield Server(url, process, time.perf_counter() - started)
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        for child in psutil.wait_procs(children, timeout=20)[1]:
            child.kill()


def _is_ready(url: str, model: str) -> bool:
    try:
        models = httpx.get(f"{url}/v1/models", timeout=5)
    except httpx.HTTPError:
        return False
    return models.status_code == 200 and model in models.text


async def measure(server: Server, model: str, tokens: int, firsts: int) -> Measurement:
    """Measure a server that is ready and otherwise idle."""
    async with httpx.AsyncClient(
        base_url=server.url, headers={"x-tenant-id": "bench"}, timeout=300
    ) as client:
        await _stream(client, model, "warm", 16)
        one_stream = [await _rate(client, model, f"one-{n}", 1, tokens) for n in range(2)]
        eight_streams = [await _rate(client, model, f"eight-{n}", 8, tokens) for n in range(2)]
        first_token_s = [await _stream(client, model, f"first-{n}", 2) for n in range(firsts)]
    return Measurement(
        cold_start_s=server.cold_start_s,
        one_stream=statistics.median(one_stream),
        eight_streams=statistics.median(eight_streams),
        first_token_ms=statistics.median(first_token_s) * 1000,
        idle_percent=_idle_percent(server.process.pid),
    )


async def _rate(
    client: httpx.AsyncClient, model: str, name: str, streams: int, tokens: int
) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(_stream(client, model, f"{name}-{n}", tokens) for n in range(streams)))
    return streams * tokens / (time.perf_counter() - started)


async def _stream(client: httpx.AsyncClient, model: str, name: str, tokens: int) -> float:
    """Stream one response to its end; return the seconds to its first token."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": PROMPT + name}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "reasoning_effort": "none",  # a thought is no content
        "stream": True,
        "temperature": 0,
    }
    started, first_token_s = time.perf_counter(), 0.0
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if '"content":"' in line and '"content":""' not in line:
                first_token_s = first_token_s or time.perf_counter() - started
    return first_token_s


def _idle_percent(pid: int, seconds: float = 10.0) -> float:
    """Return the CPU use of a server's vLLM processes without requests, in percent of a core."""
    processes = [
        process
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        if any(word in " ".join(process.cmdline()) for word in ("VLLM::", "Engine", "api_server"))
    ]

    def cpu_seconds() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    time.sleep(2)
    before = cpu_seconds()
    time.sleep(seconds)
    return 100 * (cpu_seconds() - before) / seconds


def main() -> None:
    """Parse the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64, help="of each response")
    parser.add_argument("--firsts", type=int, default=15, help="streams for the first token")
    parser.add_argument("--port", type=int, default=8470)
    options = parser.parse_args()
    servers = {
        "this service": service,
        "vLLM's server": vllm_server,
        "vLLM's server, its worker in the engine": partial(vllm_server, worker_in_engine=True),
    }
    measurements: dict[str, list[Measurement]] = {name: [] for name in servers}
    with tempfile.TemporaryDirectory() as scratch:
        model = resolve_model(Settings(data_dir=Path(scratch)))
        for _ in range(options.rounds):
            for name, start in servers.items():
                folder = Path(tempfile.mkdtemp(dir=scratch))
                with start(model, options.port, folder) as server:
                    measurement = measure(server, model.name, options.tokens, options.firsts)
                    measurements[name].append(asyncio.run(measurement))
    print(
        "| server | cold start s | tokens/s, 1 | tokens/s, 8 | first token ms | idle % of a core |"
    )
    print("|---|---|---|---|---|---|")
    rows: dict[str, list[float]] = {}
    for name, rounds in measurements.items():
        rows[name] = row = [
            statistics.median(getattr(measurement, field) for measurement in rounds)
            for field in Measurement.__dataclass_fields__
        ]
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in row) + " |")
    (_, own), *peers = rows.items()
    for name, peer in peers:
        ratios = " | ".join(f"{own[n] / peer[n]:.2f}" for n in range(3))
        print(f"| this service to {name} | {ratios} | {own[3] - peer[3]:+.0f} ms | |")


if __name__ == "__main__":
    main()
