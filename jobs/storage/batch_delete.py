"""Deleting many rows a bit at a time, so that nobody else's write waits for long."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, delete, select, tuple_

#: Seconds after which one transaction deletes no more.
_MAX_TRANSACTION_S = 0.05
#: Rows between two looks at the clock; one may be of megabytes.
_SLICE = 25


def delete_batch(
    connection: Connection, table: Table, which: ColumnElement[bool], *, most: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """The keys of the rows that were deleted: the first in their order, `most` or fewer; none when
    there is none.
    """
    key = tuple_(*table.primary_key)
    gone: list[Row[*tuple[Any, ...]]] = []
    until = time.monotonic() + _MAX_TRANSACTION_S
    while len(gone) < most and (not gone or time.monotonic() < until):
        first = (
            select(*table.primary_key)
            .where(which)
            .order_by(*table.primary_key)
            .limit(min(_SLICE, most - len(gone)))
        )
        slice_ = connection.execute(
            delete(table).where(key.in_(first), which).returning(*table.primary_key)
        ).all()
        if not slice_:
            break
        gone += slice_
    return gone
