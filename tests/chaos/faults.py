"""Faults that the chaos tests inject, and the injector that schedules them."""

import contextlib
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.supervisor import SupervisedService


@dataclass(frozen=True)
class Fault:
    """One kind of fault, and the seconds until it may be injected again."""

    name: str
    inject: Callable[[random.Random], bool]  # False when it finds no target
    cooldown_s: float


def kill_process(service: SupervisedService, name: str, words: str, cooldown_s: float) -> Fault:
    """Return a fault that sends SIGKILL to a random process with `words` in its title."""

    def inject(rng: random.Random) -> bool:
        targets = service.processes(words)
        if not targets:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            rng.choice(targets).send_signal(signal.SIGKILL)
        return True

    return Fault(name, inject, cooldown_s)


def kill_cluster(service: SupervisedService) -> Fault:
    """Return a fault that sends SIGKILL to every process; the supervisor restarts the service."""

    def inject(rng: random.Random) -> bool:
        service.kill()
        return True

    return Fault("whole cluster killed", inject, 150)


def lock_database(file: Path) -> Fault:
    """Return a fault that holds SQLite's write lock, at times for longer than a writer waits."""

    def lock(seconds: float) -> None:
        with (
            contextlib.suppress(sqlite3.OperationalError),  # the disk may be full
            closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as database,
        ):
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            database.execute("ROLLBACK")

    def inject(rng: random.Random) -> bool:
        threading.Thread(target=lock, args=(rng.choice([2, 5, 13]),), daemon=True).start()
        return True

    return Fault("database locked", inject, 20)


def fill_disk(folder: Path) -> Fault:
    """Return a fault that fills the disk of the data folder to the last byte for some seconds."""
    filler = folder / "filler"

    def fill(seconds: float) -> None:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(1 << 12))
        time.sleep(seconds)
        filler.unlink()

    def inject(rng: random.Random) -> bool:
        threading.Thread(target=fill, args=(rng.uniform(2, 8),), daemon=True).start()
        return True

    return Fault("disk full", inject, 30)


def kill_postgresql(server: Any) -> Fault:
    """Return a fault that sends SIGKILL to PostgreSQL and restarts it after some seconds."""

    def restart(delay_s: float) -> None:
        time.sleep(delay_s)
        server.ensure_postgres_running()

    def inject(rng: random.Random) -> bool:
        pid = server.get_pid()
        if pid is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
        threading.Thread(target=restart, args=(rng.uniform(2, 6),), daemon=True).start()
        return True

    return Fault("PostgreSQL killed", inject, 30)


class FaultInjector:
    """Injects random faults, one at a time, each at most once per cooldown."""

    def __init__(self, faults: list[Fault], *, seed: int, interval_s: float) -> None:
        self._faults = faults
        self._rng = random.Random(seed)
        self._interval_s = interval_s
        self._due_at = {fault.name: 0.0 for fault in faults}
        self._next_at = 0.0
        self.counts = {fault.name: 0 for fault in faults}

    def inject_due(self, now: float) -> str | None:
        """Inject a fault if one is due at `now`; return its name."""
        if now < self._next_at:
            return None
        due = [fault for fault in self._faults if now >= self._due_at[fault.name]]
        self._rng.shuffle(due)
        for fault in due:
            if fault.inject(self._rng):
                self.counts[fault.name] += 1
                self._due_at[fault.name] = now + fault.cooldown_s
                self._next_at = now + self._interval_s * self._rng.uniform(0.5, 1.5)
                return fault.name
        return None
