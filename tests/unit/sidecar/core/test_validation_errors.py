"""Validation errors are sentences about the request's own fields."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from sidecar.core.validation_errors import describe_errors


class Text(BaseModel):
    id: Annotated[str, Field(min_length=1, max_length=3)] | StrictInt
    text: str


class Circle(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["circle"]
    radius: float = Field(gt=0, allow_inf_nan=False)


class Square(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["square"]
    side: int


class Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    left: int
    right: int


class Single(BaseModel):
    model_config = ConfigDict(extra="forbid")
    line: int = Field(ge=0)


class Body(BaseModel):
    texts: tuple[Text, ...] = Field((), max_length=2)
    content: str | tuple[Text, ...] | None = None
    shape: Annotated[Circle | Square, Field(discriminator="kind")] | None = None
    either: Pair | Single | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    words: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    level: Literal["low", "high"] | None = None


@pytest.mark.parametrize(
    ("body", "sentences"),
    [
        ([], "body: must be an object."),
        ({"texts": {}}, "texts: must be a list."),
        ({"texts": [{"id": "a"}]}, "texts.0.text: is missing."),
        ({"texts": [{"id": "a", "text": 7}]}, "texts.0.text: must be text."),
        ({"texts": [{"id": None, "text": ""}]}, "texts.0.id: must be text or a whole number."),
        ({"texts": ["a"]}, "texts.0: must be an object."),
        ({"texts": [{"id": 1, "text": ""}] * 3}, "texts: must have at most 2 entries."),
        ({"content": 5}, "content: must be text or a list."),
        ({"content": [{"id": 1}]}, "content.0.text: is missing."),
        (
            {"shape": {"kind": "line"}},
            "shape: must have a 'kind' that is one of 'circle', 'square'.",
        ),
        ({"shape": {}}, "shape: must have a 'kind'."),
        ({"shape": {"kind": "circle", "radius": 0}}, "shape.radius: must be above 0.0."),
        ({"shape": {"kind": "square", "side": 1.5}}, "shape.side: must be a whole number."),
        ({"either": {"left": 1}}, "either.right: is missing."),
        ({"either": {"line": -1}}, "either.line: must be at least 0."),
        (
            {"either": {"left": 1, "right": 2, "up": 3}},
            "either.up: is not a known field.",
        ),
        ({"currency": "euro"}, "currency: must be a currency code such as EUR."),
        ({"words": []}, "words: must have at least 1 entry."),
        ({"words": [1]}, "words.0: must be text."),
        ({"level": "mid"}, "level: must be one of 'low' or 'high'."),
        (
            {"texts": 1, "content": 1, "shape": 1, "currency": 1, "words": 1, "level": 1},
            (
                "texts: must be a list; content: must be text or a list; shape: must be an object; "
                "currency: must be text; words: must be a list; and 1 more."
            ),
        ),
    ],
)
def test_each_error_is_a_sentence_with_its_path(body: Any, sentences: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(body)
    assert describe_errors(caught.value.errors(), body=body) == sentences


def test_paths_start_with_the_prefix() -> None:
    body = {"texts": 1}
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(body)
    errors = caught.value.errors()
    assert describe_errors(errors, body=body, prefix="payload").startswith("payload.texts: ")


def test_neither_the_value_nor_a_long_path_is_shown() -> None:
    body = {"either": {"secret" * 100: "value"}}
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(body)
    sentences = describe_errors(caught.value.errors(), body=body)
    assert "value" not in sentences
    assert len(sentences) < 1000
