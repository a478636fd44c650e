"""The service under a supervisor that starts it again whenever it ends, as systemd would."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from deployments.launcher.ports import free_port
from tests.acceptance.service import REPOSITORY, configure, title, with_replicas

#: Seconds without an answer after which the supervisor takes the service for dead.
PATIENCE_S = 120


class Supervised:
    """One service over one folder, on one port, through all its lives."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, ingresses: int) -> None:
        self._folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._config = configure(folder, port, settings, change=with_replicas(Ingress=ingresses))
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = time.monotonic()
        self._all: dict[int, psutil.Process] = {}
        self.starts = 0

    @property
    def log(self) -> Path:
        """What every life of it has printed."""
        return self._folder / "service.log"

    def look(self) -> bool:
        """Whether it answers; starts it again when it has ended or is silent for too long."""
        now = time.monotonic()
        if self._process is None or self._process.poll() is not None:
            self.kill()  # what is left of the last life
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "deployments.launcher", str(self._config)],
                    cwd=REPOSITORY,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self.starts += 1
            self._answered = now + PATIENCE_S
            return False
        self._remember()
        try:
            ready = httpx.get(f"{self.url}/health/ready", timeout=5).json()["status"] == "ok"
        except (httpx.HTTPError, KeyError, ValueError):
            ready = False
        if ready:
            self._answered = max(self._answered, now)
        elif now - self._answered > PATIENCE_S:
            self.kill()
        return ready

    def processes(self, words: str) -> list[psutil.Process]:
        """Those of its processes whose command line has `words` in it."""
        self._remember()
        return [process for process in self._all.values() if words in title(process)]

    def kill(self) -> None:
        """SIGKILL to every process of it."""
        self._remember()
        for process in self._all.values():
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(list(self._all.values()), timeout=10)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> int:
        """As Ctrl-C; how many of its processes are left."""
        self._remember()
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, 2)
            self._process.wait(90)
        _, alive = psutil.wait_procs(list(self._all.values()), timeout=5)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return len(alive)

    def _remember(self) -> None:
        """Which processes are its own: those of a raylet that was killed have another parent."""
        known = [process for process in self._all.values() if process.is_running()]
        with contextlib.suppress(psutil.Error):
            if self._process is not None and self._process.poll() is None:
                known.append(psutil.Process(self._process.pid))
        self._all = {process.pid: process for process in known}
        for process in known:
            with contextlib.suppress(psutil.Error):
                self._all |= {child.pid: child for child in process.children(recursive=True)}
