"""What the embedding endpoints take and answer."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sidecar.core.validation import Id, NotBlank, NotBoolean, max_length, unique

MAX_TEXTS: Final = 1_000
MAX_BATCH_TEXTS: Final = 10_000
MAX_TEXT_CHARACTERS: Final = 20_000  # models read their first few hundred tokens of it


class TextInput(BaseModel):
    """A text to embed, and the caller's id for it."""

    model_config = ConfigDict(frozen=True)

    id: Id
    text: Annotated[str, max_length(MAX_TEXT_CHARACTERS, "characters of text"), NotBlank]


_DISTINCT_IDS: Final = unique("ids", attrgetter("id"))


class EmbedRequest(BaseModel):
    """Texts to embed now."""

    model_config = ConfigDict(frozen=True)

    version: Annotated[str, Field(max_length=50)] | None = None
    request_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    texts: Annotated[
        tuple[TextInput, ...], max_length(MAX_TEXTS, "texts"), Field(min_length=1), _DISTINCT_IDS
    ]


class EmbedBatchRequest(EmbedRequest):
    """Thousands of texts; `batch_size` texts go through the model at a time."""

    texts: Annotated[
        tuple[TextInput, ...],
        max_length(MAX_BATCH_TEXTS, "texts"),
        Field(min_length=1),
        _DISTINCT_IDS,
    ]
    batch_size: Annotated[int, Field(ge=1, le=256), NotBoolean] = 64


def build_response(
    request: EmbedRequest, vectors: NDArray[np.float32], model: str, model_version: str
) -> dict[str, Any]:
    """The flat answer; `vectors` are (texts, dimension) in the texts' order, and rows of it stand
    in the answer: orjson writes them as the shortest decimals that are the same float32.
    """
    return {
        "version": request.version,
        "request_id": request.request_id,
        "model": model,
        "model_version": model_version,
        "dimension": int(vectors.shape[1]),
        "embeddings": _embeddings(request.texts, vectors),
    }


def _embeddings(texts: Sequence[TextInput], vectors: NDArray[np.float32]) -> list[dict[str, Any]]:
    return [
        {"id": text.id, "vector": vector}
        for text, vector in zip(texts, np.ascontiguousarray(vectors), strict=True)
    ]
