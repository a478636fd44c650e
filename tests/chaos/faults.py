"""What can go wrong, done on purpose."""

import contextlib
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.supervisor import Supervised


@dataclass(frozen=True)
class Blow:
    """One kind: how to strike, and how long to leave it alone afterwards, in seconds."""

    name: str
    strike: Callable[[random.Random], bool]  # False when there was nothing to hit
    rest_s: float


def kill(service: Supervised, name: str, words: str, rest_s: float) -> Blow:
    """SIGKILL to one process by chance of those with the words in their title."""

    def strike(chance: random.Random) -> bool:
        found = service.processes(words)
        if not found:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(found).send_signal(signal.SIGKILL)
        return True

    return Blow(name, strike, rest_s)


def kill_everything(service: Supervised) -> Blow:
    """SIGKILL to every process; the supervisor starts the service again."""

    def strike(chance: random.Random) -> bool:
        service.kill()
        return True

    return Blow("whole cluster killed", strike, 150)


def lock_database(file: Path) -> Blow:
    """Another process holds SQLite's write lock, now and then for longer than a writer waits."""

    def hold(seconds: float) -> None:
        with (
            contextlib.suppress(sqlite3.OperationalError),  # the disk is full just now
            closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as database,
        ):
            database.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            database.execute("ROLLBACK")

    def strike(chance: random.Random) -> bool:
        threading.Thread(target=hold, args=(chance.choice([2, 5, 13]),), daemon=True).start()
        return True

    return Blow("database locked", strike, 20)


def fill_disk(folder: Path) -> Blow:
    """Not a byte left on the disk of the data folder for some seconds."""
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

    def strike(chance: random.Random) -> bool:
        threading.Thread(target=fill, args=(chance.uniform(2, 8),), daemon=True).start()
        return True

    return Blow("disk full", strike, 30)


def drop_server(server: Any) -> Blow:
    """SIGKILL to PostgreSQL, which comes back after some seconds."""

    def drop(seconds: float) -> None:
        time.sleep(seconds)
        server.ensure_postgres_running()

    def strike(chance: random.Random) -> bool:
        pid = server.get_pid()
        if pid is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
        threading.Thread(target=drop, args=(chance.uniform(2, 6),), daemon=True).start()
        return True

    return Blow("PostgreSQL killed", strike, 30)


class Storm:
    """Strikes by chance, one blow at a time, each no sooner than its rest is over."""

    def __init__(self, blows: list[Blow], *, seed: int, every_s: float) -> None:
        self._blows = blows
        self._chance = random.Random(seed)
        self._every_s = every_s
        self._next = {blow.name: 0.0 for blow in blows}
        self._next_strike = 0.0
        self.struck: dict[str, int] = {blow.name: 0 for blow in blows}

    def blow(self, now: float) -> Iterator[str]:
        """Strikes when it is time; what it hit."""
        if now < self._next_strike:
            return
        rested = [blow for blow in self._blows if now >= self._next[blow.name]]
        self._chance.shuffle(rested)
        for blow in rested:
            if blow.strike(self._chance):
                self.struck[blow.name] += 1
                self._next[blow.name] = now + blow.rest_s
                self._next_strike = now + self._every_s * self._chance.uniform(0.5, 1.5)
                yield blow.name
                return

    def counts(self) -> Mapping[str, int]:
        """How often each struck."""
        return self.struck
