"""Backups of the service, made in the storm as docs/operations.md says, and their restore."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.acceptance.service import REPOSITORY

#: Seconds after which a failed backup is tried again; the storm may break it.
_PAUSE_S = 5.0


@dataclass(frozen=True)
class Backup:
    """A complete backup, and when it began."""

    folder: Path
    began_at: datetime


class Backups:
    """Makes a backup now and then, in a thread of the caller's."""

    def __init__(self, folder: Path, server: Any) -> None:
        """Back `folder` / data up, and the PostgreSQL server's database if there is one."""
        self._folder = folder
        self._server = server
        self._tries = 0
        self.made: list[Backup] = []

    def run(self, interval_s: float, is_over: Callable[[float], bool]) -> None:
        """Make a backup every so often until `is_over(seconds)`, which waits for so long."""
        while not is_over(interval_s if self.made else _PAUSE_S):
            self.make()

    def make(self) -> None:
        """Make a backup. It counts when it is complete."""
        self._tries += 1
        target = self._folder / "backups" / str(self._tries)
        began_at = datetime.now(UTC)
        if self._server is None:
            saved = self._command("save", self._folder / "data", target)
        else:
            target.mkdir(parents=True)
            saved = self._dump(target) and self._copy_blobs(target)
        if saved:
            self.made.append(Backup(target, began_at))

    def restore(self, backup: Backup) -> tuple[Path, str]:
        """Restore it; return the new folder with its `data`, and the database's URL ("": SQLite).

        Raises CalledProcessError.
        """
        folder = self._folder / "restored"
        folder.mkdir()
        if self._server is None:
            assert self._command("restore", backup.folder, folder / "data")
            return folder, ""
        (folder / "data").mkdir()
        (backup.folder / "blobs").rename(folder / "data" / "blobs")
        self._server.psql("CREATE DATABASE restored")
        url = self._server.get_uri(database="restored")
        dump = str(backup.folder / "dump")
        subprocess.run([self._program("pg_restore"), "--dbname", url, dump], check=True)
        return folder, url

    def _command(self, action: str, source: Path, target: Path) -> bool:
        command = [sys.executable, "-m", "jobs.storage.backup", action, str(source), str(target)]
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode == 0

    def _dump(self, target: Path) -> bool:
        url = self._server.get_uri()
        command = [self._program("pg_dump"), "--format=custom", f"--file={target / 'dump'}", url]
        return subprocess.run(command, check=False).returncode == 0

    def _copy_blobs(self, target: Path) -> bool:
        source = str(self._folder / "data" / "blobs")
        return subprocess.run(["cp", "-a", source, str(target)], check=False).returncode == 0

    def _program(self, name: str) -> str:
        return str(self._server.bin_path / name)
