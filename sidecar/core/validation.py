"""Bounds that requests of texts share, as pydantic validators.

Over a limit is 413 and names the limit; blank, missing or twice is 422.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt

from sidecar.core.errors import TooLarge

Id = Annotated[str, Field(min_length=1, max_length=200)] | StrictInt
"""A caller's own id; it comes back as it was sent."""


def at_most(limit: int, unit: str) -> BeforeValidator:
    """Refuse a list of more than `limit` entries, or a text of more characters, before parsing it.

    The validator raises TooLarge.
    """

    def check(value: Any) -> Any:
        if isinstance(value, (str, list)) and len(value) > limit:
            raise TooLarge(f"At most {limit} {unit} are taken at once; {len(value)} were sent.")
        return value

    return BeforeValidator(check)


def not_blank(text: str) -> str:
    """The text itself. ValueError when nothing in it can be seen."""
    if not any(c.isprintable() and not c.isspace() for c in text):
        raise ValueError("must not be blank")
    return text


def distinct(what: str, key: Callable[[Any], Hashable]) -> AfterValidator:
    """Refuse a list in which two entries have the same `key`; the validator raises ValueError."""

    def check(entries: Any) -> Any:
        twice = _first_repeated(key(entry) for entry in entries)
        if twice is not None:
            raise ValueError(f"{what} must be distinct; {twice!r} is there twice")
        return entries

    return AfterValidator(check)


NotBlank = AfterValidator(not_blank)


def _first_repeated(keys: Iterable[Hashable]) -> Hashable | None:
    seen: set[Hashable] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None
