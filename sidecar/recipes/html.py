"""Reads the recipe that a web page describes in schema.org's terms."""

import re
from collections.abc import Callable
from typing import Any, Final

from sidecar.core.errors import ValidationFailed
from sidecar.recipes.recipe import ExtractedRecipe

_NO_URL: Final = "https://recipe.invalid/"  # RFC 2606: nothing is fetched
_NUMBER: Final = re.compile(r"\d{1,4}")


def read_html(html: str) -> ExtractedRecipe:
    """Return the recipe of a page, from JSON-LD or microdata.

    Raises:
        ValidationFailed: when the page has no recipe, or can't be parsed.
    """
    # Imported here because it loads hundreds of modules that few services need.
    from recipe_scrapers import scrape_html

    try:
        page = scrape_html(html, org_url=_NO_URL, supported_only=False)
        ingredients = [line for line in _lines(page.ingredients) if line.strip()]
    except Exception as error:  # the parsers raise whatever a broken page makes them raise
        raise ValidationFailed("payload.html has no recipe in schema.org's terms.") from error
    servings = _NUMBER.search(str(_value(page.yields) or ""))
    return ExtractedRecipe(
        title=_value(page.title),
        servings=float(servings[0]) if servings and int(servings[0]) else None,
        prep_time=_minutes(page.prep_time),
        cook_time=_minutes(page.cook_time),
        total_time=_minutes(page.total_time),
        ingredients=ingredients,
        steps=[step for step in _value(page.instructions_list) or [] if step.strip()],
    )


def _lines(read: Callable[[], Any]) -> list[str]:
    return list(read())


def _value(read: Callable[[], Any]) -> Any:
    """Return a field of a page, None where the page doesn't have it."""
    try:
        return read()
    except Exception:  # each field has its own errors
        return None


def _minutes(read: Callable[[], Any]) -> int | None:
    value = _value(read)
    return int(value) if isinstance(value, int | float) and 0 < value < 100_000 else None
