"""Save a database of today's schema, with data: `python -m tests.unit.jobs.storage.databases`.

A release adds one, so that later releases are tested to migrate it (test_migrations.py).
"""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from jobs.storage.database import Database
from jobs.storage.migrations import migrate
from tests.unit.conftest import Clock
from tests.unit.jobs.maintenance.test_erasure import create_data

FOLDER = Path(__file__).parent


async def _create(folder: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{folder / 'service.db'}")
    await migrate(database)
    await create_data("t", database, folder, Clock())
    await database.checkpoint()
    await database.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_create(Path(name)))
        with closing(sqlite3.connect(Path(name) / "service.db")) as connection:
            [[revision]] = connection.execute("SELECT version_num FROM alembic_version")
            dump = "\n".join(connection.iterdump())
    (FOLDER / f"{revision}.sql").write_text(f"{dump}\n")


if __name__ == "__main__":
    main()
