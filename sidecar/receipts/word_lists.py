"""Word lists and patterns of the receipt reader, in data/*.toml."""

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any


@functools.cache
def load(name: str) -> Mapping[str, Any]:
    """Return the tables of data/<name>.toml."""
    path = resources.files("sidecar.receipts").joinpath(f"data/{name}.toml")
    return tomllib.loads(path.read_text("utf-8"))


def pattern(name: str, key: str) -> re.Pattern[str]:
    """Compile the pattern that data/<name>.toml has under `key`."""
    return re.compile(one_line(load(name)[key]))


def one_line(text: str) -> str:
    """Remove the line breaks of a pattern; in the files they are layout."""
    return text.replace("\n", "")
