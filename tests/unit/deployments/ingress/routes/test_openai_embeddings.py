"""OpenAI's embeddings and model list over HTTP."""

import base64
from typing import Any

import httpx
import numpy as np
import pytest

from sidecar.core.errors import ModelUnavailable
from tests.unit.deployments.conftest import IngressClient


async def embed(ingress: IngressClient, **fields: Any) -> httpx.Response:
    return await ingress.http.post("/v1/embeddings", json=fields)


@pytest.mark.parametrize("texts", ["milk", ["milk"], ["oat milk", "bread", "bread"], ["x"] * 100])
async def test_each_input_has_its_vector_in_order(
    ingress: IngressClient, texts: str | list[str]
) -> None:
    body = (await embed(ingress, input=texts, model="lengths", dimensions=2, user="t1")).json()
    inputs = [texts] if isinstance(texts, str) else texts
    assert body["object"] == "list"
    assert body["model"] == "lengths"
    assert body["data"] == [
        {"object": "embedding", "index": index, "embedding": [len(text), 1.0]}
        for index, text in enumerate(inputs)
    ]
    tokens = sum(len(text.split()) for text in inputs)
    assert body["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


async def test_base64_holds_the_same_numbers(ingress: IngressClient) -> None:
    body = (await embed(ingress, input=["milk"], encoding_format="base64")).json()
    vector = np.frombuffer(base64.b64decode(body["data"][0]["embedding"]), dtype="<f4")
    assert vector.tolist() == [4.0, 1.0]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, 400, "input: is missing"),
        ({"input": []}, 400, "input: must have at least 1 entry"),
        ({"input": ""}, 400, "input: must not be blank"),
        ({"input": ["a", " "]}, 400, "input.1: must not be blank"),
        ({"input": [1, 2, 3]}, 400, "token numbers"),
        ({"input": [[1, 2], [3]]}, 400, "token numbers"),
        ({"input": 5}, 400, "input: must be text or a list"),
        ({"input": "a", "encoding_format": "int8"}, 400, "encoding_format"),
        ({"input": "a", "dimensions": 256}, 400, "dimensions: the vectors of lengths have 2"),
        ({"input": "a", "dimensions": 0}, 400, "dimensions"),
        ({"input": ["a"] * 2_049}, 413, "2048"),
        ({"input": "a", "model": "text-embedding-3-small"}, 404, "'lengths'"),
    ],
)
async def test_an_invalid_request_is_refused_in_openais_shape(
    ingress: IngressClient, fields: dict[str, Any], status: int, words: str
) -> None:
    response = await embed(ingress, **fields)
    assert response.status_code == status
    assert words in response.json()["error"]["message"]


async def test_models_are_those_that_answer(ingress: IngressClient) -> None:
    models = (await ingress.http.get("/v1/models")).json()
    assert [model["id"] for model in models["data"]] == ["echo", "lengths"]
    ingress.engine.fails_with = ModelUnavailable()
    models = (await ingress.http.get("/v1/models")).json()
    assert [model["id"] for model in models["data"]] == ["lengths"]


async def test_a_model_is_found_by_its_id(ingress: IngressClient) -> None:
    model = (await ingress.http.get("/v1/models/lengths")).json()
    assert (model["id"], model["object"]) == ("lengths", "model")
    assert isinstance(model["created"], int)
    missing = await ingress.http.get("/v1/models/sentence-transformers/none")
    assert missing.status_code == 404
    assert "lengths" in missing.json()["error"]["message"]
