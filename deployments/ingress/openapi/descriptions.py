"""Descriptions of properties and parameters, from a table where their models have none."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

Table = Mapping[str, Mapping[str, str]]

_PARAMETERS: Final = "Parameters"
_SHARED: Final = "*"
#: A generic model's name, such as Envelope_PlanRequest_.
_GENERIC: Final = re.compile(r"^(Envelope|SuccessResponse)_.+$")


def load_descriptions() -> Table:
    """Return the texts by schema and property."""
    table: Table = tomllib.loads((files(__package__) / "descriptions.toml").read_text("utf-8"))
    return table


def describe(document: Mapping[str, Any], table: Table) -> set[tuple[str, str]]:
    """Add the descriptions that are missing in the document, in place.

    Returns the schema and name of each text of the table that was used.
    """
    used: set[tuple[str, str]] = set()
    for names, name, target in (*_properties(document), *_parameters(document)):
        if "description" in target:
            continue
        found = next((owner for owner in (*names, _SHARED) if name in table.get(owner, {})), None)
        if found is not None:
            target["description"] = table[found][name]
            used.add((found, name))
    return used


def _properties(
    node: Any, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any]]]:
    """Yield each property in the document with its name and those of the schema it belongs to."""
    if isinstance(node, list):
        for entry in node:
            yield from _properties(entry, names)
    if not isinstance(node, dict):
        return
    title = node.get("title")
    if isinstance(title, str):
        names = (_GENERIC.sub(r"\1", title.partition("[")[0]), *names)
    properties = node.get("properties")
    if isinstance(properties, dict):
        for name, schema in properties.items():
            yield names, name, schema
            yield from _properties(schema, ())
    for key, value in node.items():
        if key not in ("properties", "example", "examples", "default"):
            yield from _properties(value, names if key in ("anyOf", "oneOf", "allOf") else ())


def _parameters(
    document: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any]]]:
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                yield (_PARAMETERS,), parameter["name"], parameter
