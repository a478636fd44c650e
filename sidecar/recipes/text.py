"""Reads a recipe from plain text: a title, ingredient lines, then steps."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from sidecar.ingredients.lines import MAX_LENGTH, parse_lines
from sidecar.recipes.recipe import ExtractedRecipe
from sidecar.text.words import words

_NUMBER: Final = re.compile(r"\d{1,3}")
_MAX_HEADING_WORDS: Final = 6
_MAX_INGREDIENT_WORDS: Final = 14


def read_text(text: str, language: str | None = None) -> ExtractedRecipe:
    """Return the recipe of a text.

    Headings divide it where it has some; else lines with an amount are ingredients, and what
    follows them is steps.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    servings = next((found for line in lines if (found := _servings(line)) is not None), None)
    start, end = _heading(lines, "ingredients"), _heading(lines, "steps")
    if start is not None:
        stop = end if end is not None and end > start else len(lines)
        ingredients = lines[start + 1 : stop]
    else:
        candidates = lines[:end] if end is not None else lines
        parsed = parse_lines(candidates, language)
        ingredients = [
            line
            for line, found in zip(candidates, parsed, strict=True)
            if found.unit is not None
            and found.name
            and len(words(line)) <= _MAX_INGREDIENT_WORDS
            and _servings(line) is None
        ]
        start = lines.index(ingredients[0]) if ingredients else 0
    if end is None and ingredients:
        end = len(lines) - 1 - lines[::-1].index(ingredients[-1])
    return ExtractedRecipe(
        title=lines[0][:MAX_LENGTH] if lines and start else None,
        servings=servings,
        ingredients=[line for line in ingredients if _servings(line) is None],
        steps=lines[end + 1 :] if end is not None else [],
    )


def _heading(lines: Sequence[str], kind: str) -> int | None:
    """Return the first line that is a heading of the kind, also with more words behind it."""
    for number, line in enumerate(lines):
        folded = words(line)
        if len(folded) > _MAX_HEADING_WORDS:
            continue
        for heading in _headings()[kind]:
            if folded[: len(heading)] == heading and (
                len(folded) == len(heading) or line.endswith(":") or _servings(line) is not None
            ):
                return number
    return None


def _servings(line: str) -> float | None:
    folded = words(line)
    if len(folded) > _MAX_HEADING_WORDS:
        return None
    known = {heading[0] for heading in _headings()["servings"]}
    number = _NUMBER.search(line)
    return float(number[0]) if number and int(number[0]) and known & set(folded) else None


@cache
def _headings() -> dict[str, list[tuple[str, ...]]]:
    data = (files("sidecar.recipes") / "data" / "headings.toml").read_text("utf-8")
    return {kind: [tuple(h.split()) for h in found] for kind, found in tomllib.loads(data).items()}
