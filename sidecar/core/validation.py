"""Pydantic validators that the request schemas share.

Over a limit raises TooLarge (413), which names the limit; everything else is a 422.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    StrictInt,
)
from pydantic_core import CoreSchema

from sidecar.core.errors import TooLarge

Id = Annotated[str, Field(min_length=1, max_length=200)] | StrictInt
"""A caller's own id; it comes back as it was sent."""


LanguageTag = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
"""A BCP 47 tag: "de", "en-GB"."""


def core_schema_nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the core schema and every schema within it."""
    pending = [schema]
    seen: set[int] = set()
    while pending:
        match pending.pop():
            case dict() as node if id(node) not in seen:
                seen.add(id(node))
                if isinstance(node.get("type"), str):
                    yield node
                pending += [value for key, value in node.items() if key != "metadata"]
            case list() as nodes:
                pending += nodes


class FailFastModel(BaseModel):
    """A model whose lists are validated up to their first invalid entry.

    A body of 64 KB has room for 60 000 errors, which take a second to describe; five are shown.
    """

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return pydantic's schema with every list in it failing fast."""
        schema = handler(source)
        for node in core_schema_nodes(schema):
            if node["type"] in ("list", "tuple", "set", "frozenset"):
                node["fail_fast"] = True
        return schema


def primary_subtag(tag: str) -> str:
    """Return the language of a BCP 47 tag, in lower case."""
    return re.split("[-_]", tag)[0].lower()


def max_length(limit: int, unit: str) -> BeforeValidator:
    """Refuse a list or object of more than `limit` entries, a text of more characters, unparsed.

    The validator raises TooLarge.
    """

    def check(value: Any) -> Any:
        if isinstance(value, (str, list, dict)) and len(value) > limit:
            raise TooLarge(f"At most {limit} {unit} are taken at once; {len(value)} were sent.")
        return value

    return BeforeValidator(check)


def not_blank(text: str) -> str:
    """The text itself. ValueError when nothing in it can be seen."""
    if not any(c.isprintable() and not c.isspace() for c in text):
        raise ValueError("must not be blank")
    return text


def printable(text: str) -> str:
    """The text itself. ValueError for control characters, not all of which PostgreSQL stores."""
    if not text.isprintable():
        raise ValueError("must be printable text")
    return text


def unique(what: str, key: Callable[[Any], Hashable]) -> AfterValidator:
    """Refuse a list in which two entries have the same `key`; the validator raises ValueError."""

    def check(entries: Any) -> Any:
        twice = _first_repeated(key(entry) for entry in entries)
        if twice is not None:
            raise ValueError(f"{what} must be distinct; {twice!r} is there twice")
        return entries

    return AfterValidator(check)


def not_boolean(value: object) -> object:
    """Return `value`. Raises ValueError for True and False, which Python counts as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueErrors
    return value


NotBlank = AfterValidator(not_blank)
NotBoolean = BeforeValidator(not_boolean)


def _first_repeated(keys: Iterable[Hashable]) -> Hashable | None:
    seen: set[Hashable] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None


def dump_sent(model: BaseModel) -> dict[str, Any]:
    """Return the model as JSON, with the fields that were sent.

    Its lists of models are dumped one by one: each call holds the GIL, for 0.2 s over a large plan.
    """
    lists = {
        name: [item.model_dump(mode="json", exclude_unset=True) for item in value]
        for name in model.model_fields_set
        if isinstance(value := getattr(model, name), tuple)
        and all(isinstance(item, BaseModel) for item in value)
    }
    return {**model.model_dump(mode="json", exclude_unset=True, exclude=set(lists)), **lists}
