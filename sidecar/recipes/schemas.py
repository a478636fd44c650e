"""Bounds of the texts that recipes are read from."""

from typing import Annotated, Final

from sidecar.core.validation import NotBlank, max_length

MODEL_ID: Final = "recipe-rules"
MODEL_VERSION: Final = "1"

RecipeText = Annotated[str, max_length(20_000, "characters of text"), NotBlank]
RecipeHtml = Annotated[str, max_length(2_000_000, "characters of HTML"), NotBlank]
