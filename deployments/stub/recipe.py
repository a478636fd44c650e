"""The stub's recipe."""

from collections.abc import Mapping
from typing import Any, Final

from sidecar.recipes.html import read_html
from sidecar.recipes.recipe import RecipeResponse, Source
from sidecar.recipes.text import read_text

_TEXT: Final = "Pancakes\nServes 4\n\n200 g flour\n2 eggs, beaten\n\nMethod\nMix and fry."


def canned_recipe(payload: Mapping[str, Any]) -> RecipeResponse:
    """Return the recipe of a page or a text; of every image the same."""
    language = payload.get("language")
    if "html" in payload:
        return read_html(payload["html"]).response(language, "html")
    source: Source = "text" if "text" in payload else "image"
    return read_text(payload.get("text", _TEXT), language).response(language, source)
