"""Schema migrations with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from jobs.storage.database import AdvisoryLock, Database


async def migrate(database: Database) -> None:
    """Upgrade to the newest schema in one transaction; a no-op when it is current.

    Several processes may call this at once; one of them migrates.
    """

    def upgrade(connection: Connection) -> None:
        database.advisory_lock(connection, AdvisoryLock.MIGRATE)
        upgrade_to(connection, "head")

    await database.write_exclusive(upgrade)


def upgrade_to(connection: Connection, revision: str) -> None:
    """Upgrade to `revision` within the connection's current transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
