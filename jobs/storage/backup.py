"""Copies the data folder while the service runs, and restores it: `python -m jobs.storage.backup`.

    python -m jobs.storage.backup save data backups/monday
    python -m jobs.storage.backup restore backups/monday data

The database is copied by SQLite's online backup, in one read transaction, so it is the state of one
moment; then the blobs that it names are copied. A blob's file is older than its row, so only those
are missing that were pruned or erased meanwhile. With PostgreSQL use pg_dump, and then copy the
folder of blobs.
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
    """Why there is no copy."""


@dataclass(frozen=True)
class BackupSummary:
    """How many blobs the database names, and how many of them were gone."""

    blobs: int
    missing: int


def save(data_dir: Path, target: Path) -> BackupSummary:
    """Copies the data folder into the new folder `target`, whole or not at all.

    Raises BackupError when the target exists or there is no database.
    """
    if target.exists():
        raise BackupError(f"{target} exists already.")
    if not (data_dir / DATABASE).is_file():
        raise BackupError(f"{data_dir} has no {DATABASE}.")
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _copy_database(f"file:{data_dir / DATABASE}?mode=ro", unfinished / DATABASE)
    copied = _copy_blobs(_referenced_blobs(unfinished / DATABASE), data_dir, unfinished)
    os.sync()  # or a power cut might leave the name without what it names
    unfinished.rename(target)
    return copied


def restore(source: Path, data_dir: Path) -> BackupSummary:
    """Makes the data folder of a stopped service from what `save` made.

    Raises BackupError when the folder already holds a database, or when the copy is damaged.
    """
    if (data_dir / DATABASE).exists():
        raise BackupError(f"{data_dir} holds a {DATABASE}; move it away first.")
    try:
        with closing(_is_stable(source / DATABASE)) as database:
            [(verdict,)] = database.execute("PRAGMA integrity_check(1)").fetchall()
        if verdict != "ok":
            raise BackupError(f"{source / DATABASE} is damaged: {verdict}.")
        copied = _copy_blobs(_referenced_blobs(source / DATABASE), source, data_dir)
        os.sync()
        # Last, so that a folder with a database in it is a whole one.
        _copy_database(f"file:{source / DATABASE}?immutable=1", data_dir / DATABASE)
    except sqlite3.Error as error:
        raise BackupError(f"{source / DATABASE} can't be read: {error}.") from error
    return copied


def _copy_database(source: str, target: Path) -> None:
    with (
        closing(sqlite3.connect(source, uri=True, timeout=30)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)  # all pages in one step: one moment


def _is_stable(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?immutable=1", uri=True)


def _referenced_blobs(database: Path) -> Sequence[str]:
    with closing(_is_stable(database)) as connection:
        return [one for (one,) in connection.execute("SELECT DISTINCT sha256 FROM blobs")]


def _copy_blobs(sha256s: Sequence[str], source: Path, target: Path) -> BackupSummary:
    """Raises BackupError when one of them is not what its name says."""
    missing = 0
    for sha256 in sha256s:
        part = Path("blobs", sha256[:2], sha256)
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source / part, target / part)
        except FileNotFoundError:
            missing += 1
            continue
        if hashlib.sha256((target / part).read_bytes()).hexdigest() != sha256:
            raise BackupError(f"The blob {sha256} is damaged.")
    return BackupSummary(len(sha256s), missing)


def main() -> int:
    """The exit status: 0 when the copy is whole."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["save", "restore"])
    parser.add_argument("source", type=Path, help="the data folder, or the copy")
    parser.add_argument("target", type=Path, help="the copy, or the data folder")
    given = parser.parse_args()
    act = save if given.what == "save" else restore
    try:
        copied = act(given.source, given.target)
    except (BackupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{given.target}: the database and {copied.blobs - copied.missing} images"
        + (f"; {copied.missing} were removed meanwhile.\n" if copied.missing else ".\n")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
