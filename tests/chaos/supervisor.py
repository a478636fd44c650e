"""The service under a supervisor that restarts it whenever it ends, as systemd would."""

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

#: Seconds without readiness after which the supervisor kills and restarts the service.
UNREADY_TIMEOUT_S = 120


class SupervisedService:
    """A service with the same data folder and port across all its restarts."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, replicas: int) -> None:
        """Write its configuration, with so many ingresses and job runners."""
        self._settings, self._replicas = settings, replicas
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "service.log"  # the output of every run
        self.starts = 0
        several = with_replicas(Ingress=replicas, JobRunner=replicas)
        self._config = configure(folder, port, settings, change=several)
        self._process: subprocess.Popen[bytes] | None = None
        self._processes: dict[int, psutil.Process] = {}
        self._last_ready_at = time.monotonic()

    def on(self, folder: Path, **settings: Any) -> "SupervisedService":
        """Return a service like this one, in another folder and with other settings."""
        return SupervisedService(folder, {**self._settings, **settings}, replicas=self._replicas)

    def supervise(self) -> bool:
        """Return whether the service is ready; restart it if it ended, or was unready too long."""
        now = time.monotonic()
        if self._process is None or self._process.poll() is not None:
            self.kill()  # what is left of the last run
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "deployments.launcher", str(self._config)],
                    cwd=REPOSITORY,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self.starts += 1
            self._last_ready_at = now + UNREADY_TIMEOUT_S
            return False
        self._track_processes()
        try:
            ready = httpx.get(f"{self.url}/health/ready", timeout=5).json()["status"] == "ok"
        except (httpx.HTTPError, KeyError, ValueError):
            ready = False
        if ready:
            self._last_ready_at = max(self._last_ready_at, now)
        elif now - self._last_ready_at > UNREADY_TIMEOUT_S:
            self.kill()
        return ready

    def processes(self, words: str) -> list[psutil.Process]:
        """Return its processes that have `words` in their command line."""
        self._track_processes()
        return [process for process in self._processes.values() if words in title(process)]

    def kill(self) -> None:
        """Send SIGKILL to all its processes."""
        self._track_processes()
        for process in self._processes.values():
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(list(self._processes.values()), timeout=10)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> int:
        """Stop the service as Ctrl-C does; return how many processes were left over."""
        self._track_processes()
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, 2)
            self._process.wait(90)
        _, alive = psutil.wait_procs(list(self._processes.values()), timeout=5)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return len(alive)

    def _track_processes(self) -> None:
        """Update the known processes; children of a killed raylet get another parent."""
        known = [process for process in self._processes.values() if process.is_running()]
        with contextlib.suppress(psutil.Error):
            if self._process is not None and self._process.poll() is None:
                known.append(psutil.Process(self._process.pid))
        self._processes = {process.pid: process for process in known}
        for process in known:
            with contextlib.suppress(psutil.Error):
                children = process.children(recursive=True)
                self._processes |= {child.pid: child for child in children}
