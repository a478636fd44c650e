"""OpenAI's embeddings request and response."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, StringConstraints, field_validator
from typing_extensions import TypedDict

from sidecar.core.validation import FailFastModel, NotBlank, NotBoolean, max_length
from sidecar.embedding.schemas import MAX_TEXT_CHARACTERS

#: As many as OpenAI takes.
MAX_INPUTS: Final = 2_048

_Input = Annotated[str, max_length(MAX_TEXT_CHARACTERS, "characters of text"), NotBlank]


class OpenAIEmbedRequest(FailFastModel):
    """The body of POST /v1/embeddings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    input: Annotated[
        _Input | Annotated[tuple[_Input, ...], Field(min_length=1)],
        max_length(MAX_INPUTS, "texts"),
        Field(description="A text or a list of texts; token numbers are not accepted."),
    ]
    model: Annotated[str, StringConstraints(max_length=500)] | None = Field(
        None, description="As /v1/models names it; without it, the service's model."
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1, le=1_000_000), NotBoolean] | None = Field(
        None, description="Accepted when it is the model's own."
    )
    user: Annotated[str, StringConstraints(max_length=200)] | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _refuse_tokens(cls, value: Any) -> Any:
        """Refuse token numbers: they belong to the tokenizer of another model."""
        if isinstance(value, list) and value and isinstance(value[0], int | list):
            raise ValueError("send texts; token numbers belong to another model's tokenizer")
        return value

    @property
    def texts(self) -> Sequence[str]:
        """The inputs, in order."""
        return (self.input,) if isinstance(self.input, str) else self.input


class OpenAIEmbedding(TypedDict):
    """The vector of one input."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class PromptUsage(TypedDict):
    """The tokens of the inputs."""

    prompt_tokens: int
    total_tokens: int


class OpenAIEmbeddings(TypedDict):
    """The vector of each input, in the inputs' order."""

    object: Literal["list"]
    data: list[OpenAIEmbedding]
    model: str
    usage: PromptUsage


def openai_embeddings(
    request: OpenAIEmbedRequest, vectors: NDArray[np.float32], model: str, tokens: int
) -> dict[str, Any]:
    """Return OpenAI's response; `vectors` has shape (inputs, dimension), in the inputs' order.

    In base64, a vector is its little-endian float32 numbers.
    """
    rows: Sequence[Any] = list(np.ascontiguousarray(vectors, dtype="<f4"))
    if request.encoding_format == "base64":
        rows = [base64.b64encode(row.tobytes()).decode() for row in rows]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": row}
            for index, row in enumerate(rows)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
