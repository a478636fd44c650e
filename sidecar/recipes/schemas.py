"""Requests of recipe extraction."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, model_validator

from sidecar.core.validation import NotBlank, max_length
from sidecar.ingredients.schemas import Language

MODEL_ID: Final = "recipe-rules"
MODEL_VERSION: Final = "1"
MAX_TEXT: Final = 20_000
MAX_HTML: Final = 2_000_000


class RecipeExtractRequest(BaseModel, frozen=True):
    """A recipe as plain text, or as the HTML of a page that describes it."""

    text: Annotated[str, max_length(MAX_TEXT, "characters of text"), NotBlank] | None = None
    html: Annotated[str, max_length(MAX_HTML, "characters of HTML"), NotBlank] | None = None
    language: Language | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.text is None) == (self.html is None):
            raise ValueError("give text or html, and not both")
        return self
