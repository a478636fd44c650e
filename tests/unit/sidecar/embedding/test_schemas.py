"""Requests and responses of the embedding endpoints."""

import numpy as np
import orjson
import pytest
from pydantic import ValidationError

from sidecar.core.errors import TooLarge
from sidecar.embedding.schemas import EmbedBatchRequest, EmbedRequest, build_response


def test_an_empty_list_of_texts_is_refused() -> None:
    with pytest.raises(ValidationError):
        EmbedRequest.model_validate({"texts": []})


@pytest.mark.parametrize("text", ["", " \n", "\u200b", None, 3])
def test_a_text_must_not_be_blank(text: object) -> None:
    with pytest.raises(ValidationError):
        EmbedRequest.model_validate({"texts": [{"id": "a", "text": text}]})


def test_duplicate_ids_are_refused() -> None:
    texts = [{"id": "a", "text": "milk"}, {"id": "a", "text": "bread"}]
    with pytest.raises(ValidationError, match="'a' is there twice"):
        EmbedRequest.model_validate({"texts": texts})


def test_the_error_for_too_many_or_too_long_texts_names_the_limit() -> None:
    texts = [{"id": str(number), "text": "milk"} for number in range(1_001)]
    with pytest.raises(TooLarge, match="1000"):
        EmbedRequest.model_validate({"texts": texts})
    assert len(EmbedBatchRequest.model_validate({"texts": texts}).texts) == 1_001
    with pytest.raises(TooLarge, match="20000"):
        EmbedRequest.model_validate({"texts": [{"id": "a", "text": "x" * 20_001}]})


@pytest.mark.parametrize("size", [0, 257, "many", 1.5])
def test_the_batch_size_is_from_1_to_256(size: object) -> None:
    with pytest.raises(ValidationError):
        EmbedBatchRequest.model_validate({"texts": [{"id": 1, "text": "a"}], "batch_size": size})


def test_the_response_pairs_each_id_with_its_vector() -> None:
    request = EmbedRequest.model_validate(
        {
            "version": "1",
            "request_id": "r",
            "texts": [{"id": 1, "text": "a"}, {"id": "b", "text": "b"}],
        }
    )
    payload = build_response(request, np.eye(2, dtype=np.float32), "m", "v")
    assert orjson.loads(orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY)) == {
        "version": "1",
        "request_id": "r",
        "model": "m",
        "model_version": "v",
        "dimension": 2,
        "embeddings": [{"id": 1, "vector": [1.0, 0.0]}, {"id": "b", "vector": [0.0, 1.0]}],
    }
