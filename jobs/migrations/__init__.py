"""Bringing a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from jobs.database import Database

#: Any number will do, as long as every process asks for the same lock.
_ADVISORY_LOCK = 7_071_067


async def migrate(database: Database) -> None:
    """Upgrades to head in one transaction; a no-op when there. Safe from several processes at once:
    SQLite's write lock, or an advisory lock on PostgreSQL, lets one of them do it.
    """

    def upgrade(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        upgrade_to(connection, "head")

    await database.write_alone(upgrade)


def upgrade_to(connection: Connection, revision: str) -> None:
    """Upgrades to `revision` within the transaction that `connection` is in."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
