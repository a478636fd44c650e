"""Strict JSON parsing within bounds of what a body holds."""

import json
from typing import Any, Final

from pydantic_core import from_json

from deployments.ingress.offloading import LARGE_BODY
from sidecar.core.errors import TooLarge

#: Objects and lists of a body, and values of all kinds: the largest plan has 210 000 and 1.2
#: million. Parsing holds the GIL, so it delays other requests from whichever thread.
MAX_CONTAINERS: Final = 300_000
MAX_VALUES: Final = 1_500_000

#: Bytes that are searched at a time.
_PART: Final = 1024 * 1024


def parse_json(body: bytes) -> Any:
    """Parse a body. FastAPI reports the JSONDecodeError.

    Raises:
        json.JSONDecodeError: for anything but JSON, including NaN, lone surrogates and unbounded
            nesting.
        TooLarge: when it has too many values.
    """
    if not body or body.isspace():
        raise json.JSONDecodeError("the body is empty", "", 0)
    if len(body) > LARGE_BODY:
        _check_values(body)
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from error


def _check_values(body: bytes) -> None:
    """Raise TooLarge when the body has more containers or values than it may."""
    containers, values = _count(body)
    if containers > MAX_CONTAINERS or values > MAX_VALUES:
        # Texts may have many brackets and commas: what is in strings doesn't count.
        containers, values = _count(_without_strings(body))
    if containers > MAX_CONTAINERS or values > MAX_VALUES:
        raise TooLarge(
            f"The body has more than {MAX_CONTAINERS} objects and lists or {MAX_VALUES} values."
        )


def _count(text: bytes) -> tuple[int, int]:
    """Return the number of containers and of values."""
    # In parts, between which other threads run.
    counts = [
        [text.count(sign, start, start + _PART) for sign in (b"[", b"{", b",")]
        for start in range(0, len(text), _PART)
    ]
    lists, objects, commas = map(sum, zip(*counts, strict=True))
    return lists + objects, commas + 1


def _without_strings(body: bytes) -> bytes:
    """Return the body without its strings."""
    body = body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body
    parts = []
    position = 0
    # A loop in Python, in which other threads run; a regular expression would hold the GIL.
    while (opening := body.find(b'"', position)) >= 0:
        parts.append(body[position:opening])
        closing = body.find(b'"', opening + 1)
        position = closing + 1 if closing >= 0 else len(body)
    parts.append(body[position:])
    return b" ".join(parts)
