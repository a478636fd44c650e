"""Bringing a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from jobs.storage.database import AdvisoryLock, Database


async def migrate(database: Database) -> None:
    """Upgrades to head in one transaction; a no-op when there. Safe from several processes at once:
    one of them does it.
    """

    def upgrade(connection: Connection) -> None:
        database.advisory_lock(connection, AdvisoryLock.MIGRATE)
        upgrade_to(connection, "head")

    await database.write_exclusive(upgrade)


def upgrade_to(connection: Connection, revision: str) -> None:
    """Upgrades to `revision` within the transaction that `connection` is in."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
