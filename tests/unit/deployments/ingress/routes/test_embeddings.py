"""Text embeddings over HTTP."""

import pytest

from tests.unit.deployments.conftest import IngressClient


async def test_texts_are_embedded_without_a_tenant(ingress: IngressClient) -> None:
    for path in ("/api/v1/embed", "/api/v1/embed/batch"):
        texts = [{"id": number, "text": "x" * number} for number in range(1, 100)]
        response = await ingress.http.post(
            path, json={"version": "1", "request_id": "r2", "texts": texts}
        )
        body = response.json()
        assert (body["version"], body["request_id"]) == ("1", "r2")
        assert (body["model"], body["dimension"]) == ("lengths", 2)
        assert body["embeddings"] == [
            {"id": number, "vector": [number, 1.0]} for number in range(1, 100)
        ]


@pytest.mark.parametrize("caller_id", [2**64 - 1, 2**64, -(2**63) - 1, 10**4000, 0, "7"])
async def test_an_id_comes_back_as_it_was_sent(
    ingress: IngressClient, caller_id: int | str
) -> None:
    text = {"id": caller_id, "text": "x"}
    response = await ingress.http.post("/api/v1/embed", json={"texts": [text]})
    assert response.status_code == 200
    assert response.json()["embeddings"][0]["id"] == caller_id
