"""Search over HTTP: results, artifacts and invalid input."""

from typing import Any

import pytest

from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import TENANT

DOCUMENTS = [{"id": "a", "text": "Lasagne\nwith beef"}, {"id": "b", "text": "Green salad"}]


async def search(ingress: IngressClient, payload: Any) -> Any:
    body = {"request_id": "r1", "tenant_id": "t1", "payload": payload}
    return await ingress.http.post("/api/v1/search", json=body)


async def test_the_artifact_of_a_search_omits_the_documents(ingress: IngressClient) -> None:
    payload = {"query": "green salad", "documents": DOCUMENTS, "top_k": 1}
    body = (await search(ingress, payload)).json()
    [result] = body["payload"]["results"]
    assert (result["id"], result["matched_terms"]) == ("b", ["green", "salad"])
    artifact_id = body["metadata"]["artifact_id"]
    artifact = (await ingress.http.get(f"/api/v1/artifacts/{artifact_id}", headers=TENANT)).json()
    assert artifact["input_payload"] == {"query": "green salad", "documents": 2, "top_k": 1}


@pytest.mark.parametrize(
    ("payload", "status", "word"),
    [
        ({"query": "q", "documents": DOCUMENTS, "keyword_weight": "NaN"}, 422, "weight"),
        ({"query": "q", "documents": DOCUMENTS * 2}, 422, "twice"),
        (
            {"query": "q", "documents": DOCUMENTS, "keyword_weight": 0, "semantic_weight": 0},
            422,
            "both",
        ),
    ],
)
async def test_invalid_input_is_refused(
    ingress: IngressClient, payload: dict[str, Any], status: int, word: str
) -> None:
    response = await search(ingress, payload)
    assert response.status_code == status
    assert word in response.json()["error"]
