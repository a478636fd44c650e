"""Online backup and restore of the data folder.

    python -m jobs.storage.backup save data backups/monday
    python -m jobs.storage.backup restore backups/monday data

SQLite's online backup copies the database in one read transaction, so the copy is a consistent
snapshot; then its blobs are copied. A blob's file is older than its row, so a file is missing only
if it was pruned or erased meanwhile. With PostgreSQL use pg_dump, and then copy the blob folder.
"""

import argparse
import hashlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

DATABASE = "service.db"


class BackupError(Exception):
    """The backup or the restore failed."""


@dataclass(frozen=True)
class BackupSummary:
    """The number of blobs in the database, and how many of their files were missing."""

    blobs: int
    missing: int

    def describe(self, target: Path) -> str:
        """Return a sentence about what is in `target` now."""
        missing = f"; {self.missing} were removed meanwhile" if self.missing else ""
        return f"{target}: the database and {self.blobs - self.missing} images{missing}."


def save(data_dir: Path, target: Path) -> BackupSummary:
    """Copy the data folder into the new folder `target`, completely or not at all.

    Raises BackupError when the target exists, or there is no database or a damaged one, and OSError
    when nothing can be written.
    """
    if target.exists():
        raise BackupError(f"{target} exists already.")
    if not (data_dir / DATABASE).is_file():
        raise BackupError(f"{data_dir} has no {DATABASE}.")
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    try:
        _copy_database(_uri(data_dir / DATABASE, "mode=ro"), unfinished / DATABASE)
        summary = _copy_blobs(_referenced_blobs(unfinished / DATABASE), data_dir, unfinished)
    except sqlite3.Error as error:
        raise BackupError(f"{data_dir / DATABASE} can't be copied: {error}.") from error
    os.sync()  # otherwise a power cut could keep the rename and lose file contents
    unfinished.rename(target)
    return summary


def restore(source: Path, data_dir: Path) -> BackupSummary:
    """Restore a backup made by `save` into the data folder of a stopped service.

    Raises BackupError when the folder already contains a database or the backup is damaged, and
    OSError when nothing can be written.
    """
    if (data_dir / DATABASE).exists():
        raise BackupError(f"{data_dir} already contains a {DATABASE}; move it away first.")
    try:
        with closing(_open_immutable(source / DATABASE)) as database:
            [(verdict,)] = database.execute("PRAGMA integrity_check(1)").fetchall()
        if verdict != "ok":
            raise BackupError(f"{source / DATABASE} is damaged: {verdict}.")
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        summary = _copy_blobs(_referenced_blobs(source / DATABASE), source, data_dir)
        os.sync()
        # The database comes last and at once, so that a folder with a database is complete.
        unfinished = data_dir / f".{DATABASE}.unfinished"
        unfinished.unlink(missing_ok=True)
        _copy_database(_uri(source / DATABASE, "immutable=1"), unfinished)
        os.sync()
        unfinished.rename(data_dir / DATABASE)
    except sqlite3.Error as error:
        raise BackupError(f"{source / DATABASE} can't be restored: {error}.") from error
    return summary


def _copy_database(source: str, target: Path) -> None:
    target.touch(mode=0o600)  # SQLite gives its journal the same mode
    with (
        closing(sqlite3.connect(source, uri=True, timeout=30)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)  # all pages in one step, which makes it a snapshot


def _open_immutable(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(_uri(database, "immutable=1"), uri=True)


def _uri(database: Path, query: str) -> str:
    """Return SQLite's URI of the file, in whose path `?`, `#` and `%` are quoted."""
    return f"{database.resolve().as_uri()}?{query}"


def _referenced_blobs(database: Path) -> Sequence[str]:
    with closing(_open_immutable(database)) as connection:
        return [sha256 for (sha256,) in connection.execute("SELECT DISTINCT sha256 FROM blobs")]


def _copy_blobs(sha256s: Sequence[str], source: Path, target: Path) -> BackupSummary:
    """Copy the blobs' files. Raises BackupError when a file doesn't match its hash."""
    missing = 0
    for sha256 in sha256s:
        path = Path("blobs", sha256[:2], sha256)
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source / path, target / path)
        except FileNotFoundError:
            missing += 1
            continue
        if hashlib.sha256((target / path).read_bytes()).hexdigest() != sha256:
            raise BackupError(f"The blob {sha256} is damaged.")
    return BackupSummary(len(sha256s), missing)


def main() -> int:
    """Run the command line and return its exit status, 0 for success."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["save", "restore"])
    parser.add_argument("source", type=Path, help="the data folder, or the backup")
    parser.add_argument("target", type=Path, help="the backup, or the data folder")
    arguments = parser.parse_args()
    action = save if arguments.action == "save" else restore
    try:
        summary = action(arguments.source, arguments.target)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{summary.describe(arguments.target)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
