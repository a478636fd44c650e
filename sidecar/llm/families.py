"""Model families: the settings of vLLM that depend on the model; see data/models.toml."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

_TOOL_PARSER = "hermes"  # of models that no family describes: <tool_call> and JSON


@dataclass(frozen=True, kw_only=True)
class ModelFamily:
    """Models that share a chat template's conventions."""

    names: tuple[str, ...] = ()
    tool_parser: str = _TOOL_PARSER
    reasoning_parser: str | None = None
    thinking_switch: str | None = None
    vision: bool = False
    transcription_prompt: str | None = None


def family_of(model: str) -> ModelFamily | None:
    """Return the family of a model's id on Hugging Face or folder; None if it is unknown."""
    name = model.rstrip("/").rpartition("/")[2].casefold()
    return next(
        (
            family
            for family in families()
            if any(fnmatchcase(name, pattern) for pattern in family.names)
        ),
        None,
    )


@cache
def families() -> tuple[ModelFamily, ...]:
    """Return every family, in the order in which they are tried."""
    text = (files("sidecar.llm") / "data" / "models.toml").read_text("utf-8")
    return tuple(map(_family, tomllib.loads(text)["family"]))


def _family(entry: dict[str, Any]) -> ModelFamily:
    return ModelFamily(**{**entry, "names": tuple(entry["names"])})
