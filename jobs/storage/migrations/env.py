"""Alembic's entry: runs migrations on a connection handed in, or writes a new one from the tables.

`alembic revision --autogenerate -m "why"` compares schema.py with a scratch database that it
brings to head first, so that a revision can be written without a running service.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from jobs.storage.schema import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


handed_in = context.config.attributes.get("connection")
if handed_in is not None:
    run(handed_in)
else:
    from jobs.storage.migrations import upgrade_to

    with create_engine("sqlite://").begin() as scratch:
        upgrade_to(scratch, "head")
        run(scratch)
