"""The real service as a child process, as `make run` starts it, on free ports and in a folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from deployments.launcher.ports import free_port

REPOSITORY = Path(__file__).parents[2]
START_TIMEOUT_S = 240
ENGINE_TIMEOUT_S = 300
STOP_TIMEOUT_S = 60


@dataclass(frozen=True)
class Service:
    """A running service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    data_dir: Path
    metrics: str  # host and port

    def processes(self, words: str) -> list[psutil.Process]:
        """Return its processes that have `words` in their command line."""
        return [
            process
            for process in psutil.Process(self.process.pid).children(recursive=True)
            if words in title(process)
        ]

    def wait_for_processes(self, words: str, number: int, *, within_s: float) -> None:
        """Wait until that number of its processes have `words` in their command lines."""
        deadline = time.monotonic() + within_s
        while len(found := self.processes(words)) != number:
            assert time.monotonic() < deadline, f"{number} expected: {found}"
            time.sleep(0.05)

    def stop(self) -> int:
        """Stop it as Ctrl-C in a terminal does, by process group; return the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)


def configure(
    folder: Path,
    port: int,
    settings: Mapping[str, Any],
    *,
    change: Callable[[dict[str, Any]], None] = lambda config: None,
) -> Path:
    """Write the service's own configuration for `folder` and a port; return the file."""
    config = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    for application in config["applications"]:
        application["args"] = {
            "data_dir": str(folder / "data"),
            "engine": {"mode": "off"},
            "log_output": "stderr",
            **settings,
        }
    change(config)
    config_file = folder / "serve_config.yaml"
    config_file.write_text(yaml.safe_dump(config))
    return config_file


def with_replicas(**numbers: int) -> Callable[[dict[str, Any]], None]:
    """Return a change of the configuration that sets the replicas of the named deployments."""

    def change(config: dict[str, Any]) -> None:
        for application in config["applications"]:
            for deployment in application["deployments"]:
                if deployment["name"] in numbers:
                    deployment["num_replicas"] = numbers[deployment["name"]]

    return change


@contextmanager
def running(
    folder: Path,
    *,
    settings: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    change: Callable[[dict[str, Any]], None] = lambda config: None,
) -> Iterator[Service]:
    """Start the service in `folder`, and stop it at the end.

    It has no engine unless the settings say otherwise. `change` edits its configuration in place.
    """
    port, metrics_port = free_port(), free_port()
    config_file = configure(
        folder, port, {"metrics_port": metrics_port, **(settings or {})}, change=change
    )
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.launcher", str(config_file)],
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    service = Service(
        f"http://127.0.0.1:{port}", process, log, folder / "data", f"127.0.0.1:{metrics_port}"
    )
    try:
        _wait_for_log(service, "Ready after")
        yield service
    finally:
        service.stop()


def wait_for_engine(
    service: Service, *, part: str = "engine", seconds: float = ENGINE_TIMEOUT_S
) -> None:
    """Wait until the engine takes requests; its first start converts or downloads its model."""
    deadline = time.monotonic() + seconds
    while True:
        ready = httpx.get(f"{service.url}/health/ready", timeout=10).json()
        if ready["checks"][part]["status"] == "ok":
            return
        assert time.monotonic() < deadline, ready
        time.sleep(0.5)


def _wait_for_log(service: Service, words: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while words not in service.log.read_text(errors="replace"):
        if service.process.poll() is not None or time.monotonic() > deadline:
            log = service.log.read_text(errors="replace")
            raise AssertionError(f"the service did not start:\n{log[-5000:]}")
        time.sleep(0.2)


def title(process: psutil.Process) -> str:
    """Return the command line; empty when the process has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
