"""Alembic's environment: runs migrations on a given connection, or generates a revision.

`alembic revision --autogenerate -m "why"` compares schema.py with a scratch database that is first
migrated to head, so writing a revision needs no running service.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from jobs.storage.schema import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given_connection = context.config.attributes.get("connection")
if given_connection is not None:
    run(given_connection)
else:
    from jobs.storage.migrations import upgrade_to

    with create_engine("sqlite://").begin() as scratch:
        upgrade_to(scratch, "head")
        run(scratch)
