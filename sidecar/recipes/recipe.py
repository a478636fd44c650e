"""A recipe as it was found in a text or a page."""

from dataclasses import dataclass, field
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from sidecar.ingredients.lines import parse_lines
from sidecar.ingredients.schemas import ParsedLine, line_response

Source = Literal["text", "html", "image"]


class RecipeResponse(TypedDict):
    """A recipe as it was found; null or an empty list where nothing was."""

    source: Source
    title: str | None
    servings: float | None
    prep_time: int | None
    cook_time: int | None
    total_time: int | None
    ingredients: list[ParsedLine]
    steps: list[str]
    raw_ocr_text: NotRequired[str]
    ocr_confidence: NotRequired[float]


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

    def response(self, language: str | None, source: Source) -> RecipeResponse:
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
