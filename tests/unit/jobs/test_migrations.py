"""The migrations lead to the tables that the code uses, on both databases."""

import asyncio
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from jobs.database import Database
from jobs.migrations import migrate
from jobs.tables import metadata


async def test_migrating_ends_at_the_tables_of_the_code(database: Database) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_several_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    databases = [Database(url) for _ in range(3)]
    await asyncio.gather(*(migrate(database) for database in databases))
    async with databases[0].read() as connection:
        tables = await connection.execute(text("SELECT name FROM sqlite_master"))
        assert {"jobs", "attempts", "artifacts", "blobs"} <= set(tables.scalars())
        assert await connection.scalar(text("PRAGMA auto_vacuum")) == 2
        assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
    for database in databases:
        await database.close()
