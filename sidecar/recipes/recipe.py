"""A recipe as it was found in a text or a page."""

from dataclasses import dataclass, field
from typing import Literal

from typing_extensions import TypedDict

from sidecar.ingredients.lines import parse_lines
from sidecar.ingredients.schemas import ParsedLine, line_response


class RecipeResponse(TypedDict):
    """A recipe as it was found; null or an empty list where nothing was."""

    source: Literal["text", "html"]
    title: str | None
    servings: float | None
    prep_time: int | None
    cook_time: int | None
    total_time: int | None
    ingredients: list[ParsedLine]
    steps: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedRecipe:
    """A recipe. Times are in minutes; None or an empty list where nothing was found."""

    title: str | None = None
    servings: float | None = None
    prep_time: int | None = None
    cook_time: int | None = None
    total_time: int | None = None
    ingredients: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def response(self, language: str | None, source: Literal["text", "html"]) -> RecipeResponse:
        """Return the payload, with the ingredient lines parsed."""
        lines = parse_lines(self.ingredients, language)
        return {
            "source": source,
            "title": self.title,
            "servings": self.servings,
            "prep_time": self.prep_time,
            "cook_time": self.cook_time,
            "total_time": self.total_time,
            "ingredients": [line_response(line) for line in lines],
            "steps": self.steps,
        }
