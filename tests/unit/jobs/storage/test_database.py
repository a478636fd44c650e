"""One writer, many writes to a commit, and no write's failure touches another's."""

import asyncio
import fcntl
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select, text
from sqlalchemy.exc import DBAPIError

from jobs.storage.database import GROUP_COMMIT_S, Database
from jobs.storage.schema import blobs
from jobs.storage.sqlite import Writer
from sidecar.core.errors import DatabaseUnavailable
from tests.unit.jobs.conftest import Clock


def adding(name: str, clock: Clock, *, then: Exception | None = None):  # type: ignore[no-untyped-def]
    def work(connection: Connection) -> str:
        connection.execute(
            insert(blobs).values(
                tenant_id="t", sha256=name, media_type="x", size=1, created_at=clock.now
            )
        )
        if then is not None:
            raise then
        return name

    return work


async def names(database: Database) -> set[str]:
    async with database.read() as connection:
        return set((await connection.execute(select(blobs.c.sha256))).scalars())


async def test_a_write_is_there_for_every_reader_when_it_returns(
    database: Database, clock: Clock
) -> None:
    assert await database.write(adding("a", clock)) == "a"
    assert await names(database) == {"a"}


async def test_a_write_that_fails_undoes_itself_and_nothing_else(
    database: Database, clock: Clock
) -> None:
    outcomes = await asyncio.gather(
        database.write(adding("a", clock)),
        database.write(adding("b", clock, then=KeyError("b"))),
        database.write(adding("c", clock)),
        return_exceptions=True,
    )
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], KeyError)
    assert outcomes[2] == "c"
    assert await names(database) == {"a", "c"}


async def test_when_the_whole_transaction_is_undone_every_writer_of_it_is_told(
    tmp_path: Path, clock: Clock
) -> None:
    from tests.unit.jobs.conftest import migrated

    def undone(connection: Connection) -> None:
        # As SQLite does by itself when the disk is full.
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("disk full")

    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        outcomes = await asyncio.gather(
            database.write(adding("a", clock)),
            database.write(undone),
            database.write(adding("b", clock)),
            return_exceptions=True,
        )
        told = [isinstance(outcome, DatabaseUnavailable) for outcome in outcomes]
        kept = await names(database)
        assert {name for name, lost in zip("aub", told, strict=True) if not lost} == kept
        assert await database.write(adding("c", clock)) == "c"


def commits_of(database: Database) -> list[object]:
    """The database's commits from now on, one entry each."""
    commits: list[object] = []
    event.listen(database._sqlite.engine, "commit", commits.append)
    return commits


async def test_writes_that_wait_share_a_commit(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.jobs.conftest import migrated

    monkeypatch.setattr("jobs.storage.database.GROUP_COMMIT_S", 60.0)  # however slow the machine is
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        commits = commits_of(database)
        await asyncio.gather(*(database.write(adding(str(n), clock)) for n in range(50)))
        assert len(await names(database)) == 50
        assert len(commits) < 5


async def test_a_transaction_is_not_kept_open_for_all_that_waits(
    tmp_path: Path, clock: Clock
) -> None:
    from tests.unit.jobs.conftest import migrated

    def slow(connection: Connection) -> None:
        until = time.monotonic() + GROUP_COMMIT_S
        while time.monotonic() <= until:
            connection.execute(text("SELECT 1"))

    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        commits = commits_of(database)
        await asyncio.gather(*(database.write(slow) for _ in range(3)))
        assert len(commits) == 3


async def test_who_writes_without_a_pause_keeps_no_other_process_out(
    tmp_path: Path, clock: Clock
) -> None:
    from tests.unit.jobs.conftest import migrated

    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url) as one:
        other = Database(url)
        writes = [asyncio.create_task(one.write(adding(str(n), clock))) for n in range(2000)]
        await writes[0]
        for n in range(5):
            await other.write(adding(f"other-{n}", clock))
        assert not writes[-1].done()
        await asyncio.gather(*writes)
        await other.close()


async def test_a_caller_that_leaves_takes_nobody_along(database: Database, clock: Clock) -> None:
    leaving = asyncio.create_task(database.write(adding("a", clock)))
    staying = [asyncio.create_task(database.write(adding(str(n), clock))) for n in range(3)]
    await asyncio.sleep(0)
    leaving.cancel()
    assert await asyncio.gather(*staying) == ["0", "1", "2"]


async def test_two_processes_that_write_at_once_wait_for_each_other(
    tmp_path: Path, clock: Clock
) -> None:
    from tests.unit.jobs.conftest import migrated

    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url) as one:
        other = Database(url)
        writes = [
            database.write(adding(f"{n}-{index}", clock))
            for n in range(40)
            for index, database in enumerate((one, other))
        ]
        await asyncio.gather(*writes)
        assert len(await names(one)) == 80
        await other.close()


async def test_a_write_waits_for_another_process_and_goes_on_when_that_is_done(
    tmp_path: Path, clock: Clock
) -> None:
    from tests.unit.jobs.conftest import migrated

    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(database.write(adding("a", clock)))
            done, _ = await asyncio.wait([writing], timeout=0.2)
            assert not done
            other.execute("ROLLBACK")
            assert await writing == "a"


async def test_the_log_says_what_failed_and_nothing_of_what_was_written(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "a secret".upper()  # a traceback holds this line

    def mistaken(connection: Connection) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": secret})

    with pytest.raises(DatabaseUnavailable):
        await database.write(mistaken)
    assert "nowhere" in caplog.text
    assert "Traceback" in caplog.text
    assert secret not in caplog.text


async def test_a_database_that_is_not_there_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = set(threading.enumerate())
    for url in (
        f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'test.db'}",
        "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
    ):
        database = Database(url)
        with pytest.raises(DatabaseUnavailable):
            await database.write(lambda connection: connection.execute(text("SELECT 1")))
        with pytest.raises(DatabaseUnavailable):
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))
        await database.close()
    assert "database failure" in caplog.text
    assert "Traceback" not in caplog.text  # a line each, however often it is tried
    # aiosqlite lets the thread of a connection that failed end by itself, perhaps after the loop.
    for thread in set(threading.enumerate()) - before:
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


async def test_a_writer_that_stands_still_keeps_nobody_waiting_for_ever(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.jobs.conftest import migrated

    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        monkeypatch.setattr("jobs.storage.sqlite.BUSY_TIMEOUT_MS", 100)
        with (tmp_path / "test.db-turns").open() as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            with pytest.raises(DatabaseUnavailable):
                await database.write(adding("a", clock))
        assert await database.write(adding("b", clock)) == "b"
        assert await names(database) == {"b"}


def test_who_has_just_written_goes_behind_who_waits(tmp_path: Path) -> None:
    writer = Writer(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", str)
    order: list[str] = []

    def write(name: str) -> None:
        with writer._turn():
            order.append(name)

    waiting = threading.Thread(target=write, args=("another",))
    with (tmp_path / "test.db-next").open("w") as line, writer._turn():
        waiting.start()
        deadline = time.monotonic() + 10
        while True:  # until it is the next
            assert time.monotonic() < deadline
            try:
                fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                break
            fcntl.flock(line, fcntl.LOCK_UN)
    write("the same again")
    waiting.join()
    assert order == ["another", "the same again"]


async def test_a_server_that_stands_still_is_unavailable(
    postgresql_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.jobs.conftest import migrated

    def stuck(connection: Connection) -> None:
        connection.execute(text("SELECT pg_sleep(60)"))

    async with migrated(postgresql_url) as database:
        monkeypatch.setattr("jobs.storage.database.STATEMENT_TIMEOUT_S", 0.3)
        with pytest.raises(DatabaseUnavailable):
            await database.write(stuck)
        with pytest.raises(DatabaseUnavailable):
            async with database.read() as connection:
                await connection.run_sync(stuck)
        monkeypatch.undo()
        assert await database.write(adding("a", clock)) == "a"
        assert await names(database) == {"a"}


async def test_what_the_server_can_never_store_is_no_outage(
    postgresql_url: str, clock: Clock
) -> None:
    from tests.unit.jobs.conftest import migrated

    async with migrated(postgresql_url) as database:
        with pytest.raises(DBAPIError):
            await database.write(adding("a\0", clock))


async def test_a_server_that_never_says_a_word_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    callers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, caller: callers.append(caller), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = Database(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing")
    monkeypatch.setattr("jobs.storage.database.STATEMENT_TIMEOUT_S", 0.3)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda connection: None)
    assert callers
    for caller in callers:
        caller.close()
    server.close()
    await database.close()
