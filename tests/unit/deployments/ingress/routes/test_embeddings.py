"""Text embeddings over HTTP."""

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
