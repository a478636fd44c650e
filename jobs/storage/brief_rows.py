"""Rows of lists, without large payloads: 20 jobs of 8 MB would make a page of 160 MB."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Table, Text, case, cast, func, literal

#: Characters of JSON, of all payloads of a row together, up to which a list has them.
MAX_LISTED_CHARACTERS = 16_384
_PAYLOADS = ("input_payload", "output_payload")


def brief_columns(
    table: Table, columns: Sequence[ColumnElement[Any]] | None = None
) -> list[ColumnElement[Any]]:
    """Return the table's columns (or those given), with payloads NULL in rows with large ones."""
    payloads = [table.c[name] for name in _PAYLOADS if name in table.c]
    size: ColumnElement[int] = literal(0, Integer)
    for payload in payloads:
        size = size + func.coalesce(func.length(cast(payload, Text)), 0)
    return [
        case((size <= MAX_LISTED_CHARACTERS, column)).label(column.name)
        if column.name in _PAYLOADS
        else column
        for column in (table.c if columns is None else columns)
    ]
