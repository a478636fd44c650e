"""The writer: group commit, isolation of failures, and fairness between processes."""

import asyncio
import fcntl
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, select, text
from sqlalchemy.exc import DBAPIError

from jobs.storage.database import GROUP_COMMIT_S, Database
from jobs.storage.schema import blobs
from jobs.storage.sqlite import SqliteWriter
from sidecar.core.errors import DatabaseUnavailable
from tests.unit.conftest import Clock, migrated


def insert_blob(name: str, clock: Clock, *, error: Exception | None = None):  # type: ignore[no-untyped-def]
    def work(connection: Connection) -> str:
        connection.execute(
            insert(blobs).values(
                tenant_id="t", sha256=name, media_type="x", size=1, created_at=clock.now
            )
        )
        if error is not None:
            raise error
        return name

    return work


async def blob_names(database: Database) -> set[str]:
    async with database.read() as connection:
        return set((await connection.execute(select(blobs.c.sha256))).scalars())


async def test_readers_see_a_write_when_it_returns(database: Database, clock: Clock) -> None:
    assert await database.write(insert_blob("a", clock)) == "a"
    assert await blob_names(database) == {"a"}


async def test_a_failed_write_undoes_only_itself(database: Database, clock: Clock) -> None:
    outcomes = await asyncio.gather(
        database.write(insert_blob("a", clock)),
        database.write(insert_blob("b", clock, error=KeyError("b"))),
        database.write(insert_blob("c", clock)),
        return_exceptions=True,
    )
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], KeyError)
    assert outcomes[2] == "c"
    assert await blob_names(database) == {"a", "c"}


async def test_a_rollback_of_the_group_fails_every_lost_write(tmp_path: Path, clock: Clock) -> None:
    def roll_back(connection: Connection) -> None:
        # SQLite does this by itself when the disk is full.
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("disk full")

    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        outcomes = await asyncio.gather(
            database.write(insert_blob("a", clock)),
            database.write(roll_back),
            database.write(insert_blob("b", clock)),
            return_exceptions=True,
        )
        failed = [isinstance(outcome, DatabaseUnavailable) for outcome in outcomes]
        stored = await blob_names(database)
        assert {name for name, lost in zip("aub", failed, strict=True) if not lost} == stored
        assert await database.write(insert_blob("c", clock)) == "c"


def record_commits(database: Database) -> list[object]:
    """Return a list that gets an entry for each commit from now on."""
    commits: list[object] = []
    event.listen(database._sqlite.engine, "commit", commits.append)
    return commits


async def test_queued_writes_share_a_commit(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.storage.database.GROUP_COMMIT_S", 60.0)  # for slow machines
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        commits = record_commits(database)
        await asyncio.gather(*(database.write(insert_blob(str(n), clock)) for n in range(50)))
        assert len(await blob_names(database)) == 50
        assert len(commits) < 5


async def test_a_transaction_closes_after_its_time_although_writes_are_queued(
    tmp_path: Path, clock: Clock
) -> None:
    def slow(connection: Connection) -> None:
        deadline = time.monotonic() + GROUP_COMMIT_S
        while time.monotonic() <= deadline:
            connection.execute(text("SELECT 1"))

    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        commits = record_commits(database)
        await asyncio.gather(*(database.write(slow) for _ in range(3)))
        assert len(commits) == 3


async def test_continuous_writes_do_not_starve_another_process(
    tmp_path: Path, clock: Clock
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url) as database:
        other = Database(url)
        writes = [
            asyncio.create_task(database.write(insert_blob(str(n), clock))) for n in range(2000)
        ]
        await writes[0]
        for n in range(5):
            await other.write(insert_blob(f"other-{n}", clock))
        assert not writes[-1].done()
        await asyncio.gather(*writes)
        await other.close()


async def test_a_cancelled_caller_does_not_affect_other_writes(
    database: Database, clock: Clock
) -> None:
    cancelled = asyncio.create_task(database.write(insert_blob("a", clock)))
    others = [asyncio.create_task(database.write(insert_blob(str(n), clock))) for n in range(3)]
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await asyncio.gather(*others) == ["0", "1", "2"]


async def test_concurrent_writes_of_two_processes_all_succeed(tmp_path: Path, clock: Clock) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url) as database:
        other = Database(url)
        writes = [
            writer.write(insert_blob(f"{n}-{index}", clock))
            for n in range(40)
            for index, writer in enumerate((database, other))
        ]
        await asyncio.gather(*writes)
        assert len(await blob_names(database)) == 80
        await other.close()


async def test_a_write_waits_for_a_transaction_of_another_process(
    tmp_path: Path, clock: Clock
) -> None:
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(database.write(insert_blob("a", clock)))
            done, _ = await asyncio.wait([writing], timeout=0.2)
            assert not done
            other.execute("ROLLBACK")
            assert await writing == "a"


async def test_the_log_shows_the_statement_error_but_no_values(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "a secret".upper()  # a traceback contains this line

    def invalid(connection: Connection) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (:name)"), {"name": secret})

    with pytest.raises(DatabaseUnavailable):
        await database.write(invalid)
    assert "nowhere" in caplog.text
    assert "Traceback" in caplog.text
    assert secret not in caplog.text


async def test_a_missing_database_is_unavailable_and_logged_in_one_line(
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
    assert "Traceback" not in caplog.text  # one line per attempt
    # aiosqlite's thread of a failed connection ends by itself, perhaps after the event loop.
    for thread in set(threading.enumerate()) - before:
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


async def test_waiting_for_a_hanging_writer_times_out(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with migrated(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as database:
        monkeypatch.setattr("jobs.storage.sqlite.BUSY_TIMEOUT_MS", 100)
        with (tmp_path / "test.db-turns").open() as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_EX)
            with pytest.raises(DatabaseUnavailable):
                await database.write(insert_blob("a", clock))
        assert await database.write(insert_blob("b", clock)) == "b"
        assert await blob_names(database) == {"b"}


def test_a_writer_that_returns_queues_behind_the_waiter(tmp_path: Path) -> None:
    writer = SqliteWriter(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    order: list[str] = []

    def write(name: str) -> None:
        with writer._exclusive():
            order.append(name)

    waiter = threading.Thread(target=write, args=("another",))
    with (tmp_path / "test.db-next").open("w") as queue_lock, writer._exclusive():
        waiter.start()
        deadline = time.monotonic() + 10
        while True:  # until the waiter has the queue lock
            assert time.monotonic() < deadline
            try:
                fcntl.flock(queue_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                break
            fcntl.flock(queue_lock, fcntl.LOCK_UN)
    write("the same again")
    waiter.join()
    assert order == ["another", "the same again"]


async def test_a_hanging_statement_is_unavailable_after_the_timeout(
    postgresql_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(connection: Connection) -> None:
        connection.execute(text("SELECT pg_sleep(60)"))

    async with migrated(postgresql_url) as database:
        monkeypatch.setattr("jobs.storage.database.STATEMENT_TIMEOUT_S", 0.3)
        with pytest.raises(DatabaseUnavailable):
            await database.write(hang)
        with pytest.raises(DatabaseUnavailable):
            async with database.read() as connection:
                await connection.run_sync(hang)
        monkeypatch.undo()
        assert await database.write(insert_blob("a", clock)) == "a"
        assert await blob_names(database) == {"a"}


async def test_a_value_that_postgresql_cannot_store_is_no_outage(
    postgresql_url: str, clock: Clock
) -> None:
    async with migrated(postgresql_url) as database:
        with pytest.raises(DBAPIError):
            await database.write(insert_blob("a\0", clock))


async def test_a_server_that_never_responds_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(
        lambda _, writer: connections.append(writer), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    database = Database(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing")
    monkeypatch.setattr("jobs.storage.database.STATEMENT_TIMEOUT_S", 0.3)
    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda _: None)
    assert connections
    for connection in connections:
        connection.close()
    server.close()
    await database.close()


async def test_another_process_that_ends_leaves_the_log_to_this_one(
    tmp_path: Path, clock: Clock
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with migrated(url):
        pass
    database = Database(url)
    try:
        assert await blob_names(database) == set()  # a reader is connected before the writer
        await database.write(insert_blob("a", clock))
        count = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*c.execute('SELECT count(*) FROM blobs')); c.close()"  # noqa: E501
        other = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", count, tmp_path / "test.db"],
            check=True,
            capture_output=True,
        )
        assert other.stdout == b"(1,)\n"
        await database.write(insert_blob("b", clock))
        # The log that this process writes to is the one that others read.
        with closing(sqlite3.connect(tmp_path / "test.db")) as fresh:
            assert fresh.execute("SELECT count(*) FROM blobs").fetchone() == (2,)
        assert (tmp_path / "test.db-wal").exists()
    finally:
        await database.close()


async def test_closing_lets_a_read_end_and_closes_its_connection(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    async with database.read() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        closing_all = asyncio.create_task(database.close())
        assert await connection.scalar(text("SELECT 1")) == 1
    await closing_all
    with pytest.raises(ValueError, match="no active connection"):
        await driver.execute("SELECT 1")
