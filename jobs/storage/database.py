"""The one way to the database: many readers, one writer, many writes to a commit.

SQLite lets one transaction write at a time. Here that rule is a shape and not a retry loop: each
process owns one writer connection, and whatever is waiting to be written when it comes free goes
into the same transaction (group commit), each write in its own savepoint, so that durability costs
one fsync for all of them and one write's failure undoes nothing of the others. On PostgreSQL each
write is a transaction of its own. A write is a plain function of a connection on both: SQLite runs
it in the writer's thread, PostgreSQL's async driver under SQLAlchemy's `run_sync`.
"""

import asyncio
import json
import logging
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import IntEnum
from functools import partial
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Table, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from jobs.storage.sqlite import (
    Writer,
    checkpoint,
    driver_of,
    incremental_vacuum,
    reader_engine,
    vacuum,
)
from sidecar.core.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

#: How long one transaction takes on more writes, in seconds: the first of them waits for the last,
#: and so does every other process.
GROUP_COMMIT_S = 0.01

#: Seconds that PostgreSQL has for one piece of work. A server that stands still, or a network that
#: swallows what is sent, would be waited for for ever.
STATEMENT_TIMEOUT_S = 30.0

T = TypeVar("T")
WriteFn = Callable[[Connection], Any]


class AdvisoryLock(IntEnum):
    """What one transaction at a time may do. The numbers mean nothing to anybody else."""

    MIGRATE = 7_071_067
    CLAIM = 7_071_068


class Database:
    """Connections to one database, for one process and one event loop."""

    def __init__(self, url: str) -> None:
        """`url` is an SQLAlchemy URL with an async driver; nothing is opened yet."""
        self._sqlite: Writer | None = None
        if make_url(url).get_backend_name() == "sqlite":
            self._engine = reader_engine(url, _json)
            self._sqlite = Writer(url, _json)
        else:
            self._engine = create_async_engine(
                url,
                json_serializer=_json,
                hide_parameters=True,
                pool_size=10,
                max_overflow=10,
                pool_timeout=10,
                pool_pre_ping=True,
            )
        self._waiting: deque[tuple[WriteFn, asyncio.Future[Any]]] = deque()
        self._committing: asyncio.Task[None] | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an SQLite file."""
        return self._sqlite is not None

    def insert(self, table: Table) -> "sqlite_dialect.Insert | postgresql.Insert":
        """An INSERT that knows ON CONFLICT, which both dialects spell alike."""
        return sqlite_dialect.insert(table) if self.is_sqlite else postgresql.insert(table)

    def advisory_lock(self, connection: Connection, turn: AdvisoryLock) -> None:
        """Within a write: waits until no other one has that turn, and has it to its end."""
        if not self.is_sqlite:  # which lets one write at a time anyway
            connection.execute(select(func.pg_advisory_xact_lock(turn)))

    async def page(
        self,
        table: Table,
        where: Sequence[ColumnElement[bool]],
        *,
        limit: int,
        offset: int,
    ) -> tuple[Sequence[Row[*tuple[Any, ...]]], int]:
        """Some of the rows that match, the highest ids first, and how many match in all."""
        async with self.read() as connection:
            total = await connection.scalar(select(func.count()).select_from(table).where(*where))
            rows = await connection.execute(
                select(table).where(*where).order_by(table.c.id.desc()).limit(limit).offset(offset)
            )
            return rows.all(), total or 0

    async def iterate(
        self, table: Table, where: Sequence[ColumnElement[bool]], *, page: int
    ) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        """All rows that match, the lowest ids first, `page` of them in memory at a time; no
        connection is held between pages, so a slow reader hinders nobody.
        """
        after = ""
        while True:
            async with self.read() as connection:
                found = await connection.execute(
                    select(table).where(*where, table.c.id > after).order_by(table.c.id).limit(page)
                )
                rows = found.all()
            for row in rows:
                yield row
            if len(rows) < page:
                return
            after = rows[-1].id

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with. Raises DatabaseUnavailable when there is none."""
        with _unavailable():
            async with self._patience(), self._engine.connect() as connection:
                yield connection

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a transaction; when this returns, what it wrote is durable.

        What it raises undoes its own writes and reaches the caller. It may run in another thread.
        Raises DatabaseUnavailable when the database can't be written.
        """
        if self._sqlite is None:
            with _unavailable():
                async with self._patience(), self._engine.begin() as connection:
                    return await connection.run_sync(work)
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_waiting(self._sqlite))
        return await done

    async def write_exclusive(self, work: Callable[[Connection], T]) -> T:
        """As `write`, with a transaction and all the time to itself (for schema changes)."""
        with _unavailable():
            if self._sqlite is not None:
                return await self._sqlite.run(partial(_in_transaction, work))
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)

    def _patience(self) -> asyncio.Timeout:
        return asyncio.timeout(None if self.is_sqlite else STATEMENT_TIMEOUT_S)

    async def incremental_vacuum(self, pages: int) -> int:
        """Gives up to so many free pages of an SQLite file back to the disk; how many bytes. Other
        writes wait meanwhile, so ask for few and often. PostgreSQL does this by itself: 0.
        """
        if self._sqlite is None:
            return 0
        with _unavailable():
            return await self._sqlite.run(partial(incremental_vacuum, pages=pages))

    async def vacuum(self, *, up_to: int) -> bool:
        """Writes an SQLite file anew, without what was deleted, if it has no more than `up_to`
        bytes: everybody else's writes wait meanwhile. PostgreSQL does this by itself: False.
        """
        if self._sqlite is None:
            return False
        with _unavailable():
            return await self._sqlite.run(partial(vacuum, up_to=up_to))

    async def checkpoint(self) -> bool:
        """Brings SQLite's log into the file and empties it; False when a reader is in the way just
        then. PostgreSQL does this by itself.
        """
        if self._sqlite is None:
            return True
        with _unavailable():
            return await self._sqlite.run(checkpoint)

    async def close(self) -> None:
        """Ends every connection, after what is waiting has been written."""
        if self._committing is not None:
            await self._committing
        await self._engine.dispose()
        if self._sqlite is not None:
            await self._sqlite.close()

    async def _commit_waiting(self, writer: Writer) -> None:
        while self._waiting:
            batch = [(work, done) for work, done in self._waiting if not done.cancelled()]
            self._waiting.clear()
            try:
                with _unavailable():
                    outcomes = await writer.run(partial(_commit, [work for work, _ in batch]))
            except Exception as error:
                outcomes = [error] * len(batch)
            self._waiting.extendleft(reversed(batch[len(outcomes) :]))
            for (_, done), outcome in zip(batch, outcomes, strict=False):
                if done.cancelled():
                    continue  # the caller left; its write stands
                if isinstance(outcome, Exception):
                    done.set_exception(outcome)
                else:
                    done.set_result(outcome)


def tenant_filters(
    table: Table, tenant_id: str, wanted: Mapping[str, Any]
) -> Sequence[ColumnElement[bool]]:
    """The tenant's rows with the wanted values, by column; None leaves a column open."""
    asked = {name: value for name, value in wanted.items() if value is not None}
    return [
        table.c.tenant_id == tenant_id,
        *(table.c[name] == value for name, value in asked.items()),
    ]


def _in_transaction(work: Callable[[Connection], T], connection: Connection) -> T:
    with connection.begin():
        return work(connection)


def _commit(works: Sequence[WriteFn], connection: Connection) -> list[Any]:
    """What each of the writes gave or raised, all in one transaction; those that there was no time
    for are missing at the end.
    """
    if len(works) == 1:
        return [_in_transaction(works[0], connection)]
    with connection.begin():
        driver = driver_of(connection)
        until = time.monotonic() + GROUP_COMMIT_S
        outcomes: list[Any] = []
        for work in works:
            if outcomes and time.monotonic() > until:
                break
            outcomes.append(_in_savepoint(work, connection, driver))
            # On a full disk SQLite may roll back the whole transaction; the driver's commit
            # would then say nothing, and what was written before would be lost unseen.
            if not driver.in_transaction:
                raise DatabaseUnavailable(retry_after_s=2)
        return outcomes


def _in_savepoint(work: WriteFn, connection: Connection, driver: sqlite3.Connection) -> Any:
    # By the driver: through SQLAlchemy the savepoint would cost as much as a write.
    try:
        with _unavailable():
            driver.execute("SAVEPOINT one")
            try:
                return work(connection)
            except BaseException:
                if driver.in_transaction:
                    driver.execute("ROLLBACK TO one")
                raise
            finally:
                if driver.in_transaction:
                    driver.execute("RELEASE one")
    except Exception as error:
        return error


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turns the driver's failures into DatabaseUnavailable, and leaves the caller's bugs alone."""
    try:
        yield
    except (IntegrityError, DataError):
        raise
    except (DBAPIError, PoolTimeout, OSError, sqlite3.OperationalError) as error:
        if _is_data_error(error):
            raise
        # Where it came from tells nothing when the database is busy, full or away.
        log.exception(
            "database failure: %r", _reason(error), exc_info=not _is_storage_failure(error)
        )
        raise DatabaseUnavailable(retry_after_s=2) from error


def _reason(error: Exception) -> Exception:
    """The driver's own error, without the statement around it."""
    reason = getattr(error, "orig", None)
    return reason if isinstance(reason, Exception) else error


def _is_storage_failure(error: Exception) -> bool:
    """Whether the file, its disk or the connection failed, and not the statement."""
    if isinstance(error, (OSError, PoolTimeout)) or getattr(error, "connection_invalidated", False):
        return True
    name = getattr(_reason(error), "sqlite_errorname", "")
    return name in ("SQLITE_BUSY", "SQLITE_FULL", "SQLITE_CANTOPEN") or "SQLITE_IOERR" in name


def _is_data_error(error: Exception) -> bool:
    """Whether PostgreSQL can't take what it was given, ever: data exceptions and limits (classes 22
    and 54 of its error codes), which its async driver doesn't tell from other errors.
    """
    sqlstate = getattr(_reason(error), "sqlstate", None)
    return isinstance(sqlstate, str) and sqlstate[:2] in ("22", "54")


def _json(value: Any) -> str:
    """As JSON text; rows of numpy arrays as lists, each number the shortest that is the same."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:  # whole numbers of more than 64 bits
        return json.dumps(value)
