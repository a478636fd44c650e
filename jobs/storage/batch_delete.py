"""Deletion of many rows in short transactions, so that other writes don't wait for long."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, tuple_

#: Seconds after which a transaction deletes nothing more.
_MAX_TRANSACTION_S = 0.05
#: Rows between two checks of the clock; a single row may have megabytes.
_SLICE = 25


def delete_batch(
    connection: Connection, table: Table, where: ColumnElement[bool], *, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Delete the first matches in the order of their keys, at most `limit`, and return their keys.

    The result is empty only if nothing matches.
    """
    key = tuple_(*table.primary_key)
    deleted: list[Row[*tuple[Any, ...]]] = []
    deadline = time.monotonic() + _MAX_TRANSACTION_S
    while len(deleted) < limit and (not deleted or time.monotonic() < deadline):
        first = (
            select(*table.primary_key)
            .where(where)
            .order_by(*table.primary_key)
            .limit(min(_SLICE, limit - len(deleted)))
        )
        keys = connection.execute(
            delete(table).where(key.in_(first), where).returning(*table.primary_key)
        ).all()
        if not keys:
            break
        deleted += keys
    return deleted
