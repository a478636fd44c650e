"""JSON as the database stores it. Megabytes of it hold up whatever else runs, so it is fast."""

import json
from typing import Any

import orjson
import pydantic_core


def to_json(value: Any, *, sort_keys: bool = False) -> str:
    """Serialize; numpy arrays become lists, with the shortest exact form of each number.

    Lone surrogates, which no UTF-8 has, become question marks.
    """
    option = orjson.OPT_SERIALIZE_NUMPY | (orjson.OPT_SORT_KEYS if sort_keys else 0)
    try:
        return orjson.dumps(value, option=option).decode()
    except TypeError:  # integers of more than 64 bits, and lone surrogates
        text = json.dumps(value, sort_keys=sort_keys, ensure_ascii=False)
        return text.encode(errors="replace").decode()


def from_json(text: str) -> Any:
    """Parse what `to_json` wrote."""
    try:
        return pydantic_core.from_json(text)
    except ValueError:  # lone surrogates of earlier versions, integers of thousands of digits
        return json.loads(text)
