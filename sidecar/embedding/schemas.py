"""Requests and responses of the embedding endpoints."""

from operator import attrgetter
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from typing_extensions import TypedDict

from sidecar.core.validation import FailFastModel, Id, NotBlank, NotBoolean, max_length, unique

MAX_TEXTS: Final = 1_000
MAX_BATCH_TEXTS: Final = 10_000
MAX_TEXT_CHARACTERS: Final = 20_000  # models read only the first few hundred tokens


class TextInput(FailFastModel, frozen=True):
    id: Id  # the caller's
    text: Annotated[str, max_length(MAX_TEXT_CHARACTERS, "characters of text"), NotBlank]


_UNIQUE_IDS: Final = unique("ids", attrgetter("id"))


class EmbedRequest(FailFastModel, frozen=True):
    """Texts to embed synchronously."""

    version: Annotated[str, Field(max_length=50)] | None = None
    request_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    texts: Annotated[
        tuple[TextInput, ...], max_length(MAX_TEXTS, "texts"), Field(min_length=1), _UNIQUE_IDS
    ]


class EmbedBatchRequest(EmbedRequest):
    """Texts to embed in a job, `batch_size` at a time."""

    texts: Annotated[
        tuple[TextInput, ...],
        max_length(MAX_BATCH_TEXTS, "texts"),
        Field(min_length=1),
        _UNIQUE_IDS,
    ]
    batch_size: Annotated[int, Field(ge=1, le=256), NotBoolean] = 64


class Embedding(TypedDict):
    """The vector of one text."""

    id: str | int
    vector: list[float]


class Embeddings(TypedDict):
    """The vector of each text, in the texts' order."""

    version: str | None
    request_id: str | None
    model: str
    model_version: str
    dimension: int
    embeddings: list[Embedding]


def build_response(
    request: EmbedRequest, vectors: NDArray[np.float32], model: str, model_version: str
) -> dict[str, Any]:
    """Return the response; `vectors` has shape (texts, dimension), in the texts' order.

    The response holds the rows themselves: orjson writes a float32 as the shortest decimal that
    parses back to it.
    """
    return {
        "version": request.version,
        "request_id": request.request_id,
        "model": model,
        "model_version": model_version,
        "dimension": int(vectors.shape[1]),
        "embeddings": [
            {"id": text.id, "vector": vector}
            for text, vector in zip(request.texts, np.ascontiguousarray(vectors), strict=True)
        ],
    }
