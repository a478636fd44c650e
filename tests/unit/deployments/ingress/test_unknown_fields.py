"""What is not understood in a request is named in the response."""

from typing import Any

import pytest

from deployments.ingress.examples import EXAMPLE_BODIES
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import JPEG, TENANT, expect_error, submission

LABELS = ["Dairy", "Bakery"]


@pytest.mark.parametrize(
    ("path", "body", "unknown"),
    [
        ("/api/v1/categorize", {"payload": {"item_name": "milk", "candidate_labels": LABELS}}, []),
        (
            "/api/v1/categorize",
            {
                "payload": {"item_name": "milk", "candidate_labels": LABELS, "top_k": 3},
                "metadata": {"anything": {"at": "all"}},
                "tenat_id": "t2",
            },
            ["payload.top_k", "tenat_id"],
        ),
        (
            "/api/v1/categorize-batch",
            {
                "payload": {
                    "items": [{"id": 1, "name": "milk"}, {"id": 2, "name": "rye", "sku": 5}],
                    "candidate_labels": LABELS,
                }
            },
            ["payload.items.1.sku"],
        ),
        ("/api/v1/embed", {"texts": [{"id": 1, "text": "milk"}], "model": "x"}, ["model"]),
        (
            "/v1/chat/completions",
            {
                "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}],
                "store": True,
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"a": {"b": 1}}}}
                ],
            },
            ["messages.0.content.0.x", "store"],
        ),
        (
            "/api/v1/jobs",
            submission(
                payload={"image_base64": JPEG, "options": {"tongue": "de"}}, priority="high"
            ),
            ["priority", "payload.options.tongue"],
        ),
    ],
)
async def test_unknown_fields_are_named_by_their_path(
    ingress: IngressClient, path: str, body: dict[str, Any], unknown: list[str]
) -> None:
    response = await ingress.http.post(path, json=body, headers=TENANT)
    assert response.status_code == 200, response.text
    warnings = [f"{name} is not a known field and was ignored." for name in unknown]
    assert response.json().get("warnings", []) == warnings
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/artifacts", "/api/v1/feedback"])
async def test_a_list_without_its_filter_is_refused(ingress: IngressClient, path: str) -> None:
    """Every job is no answer to a question about the failed ones."""
    for query in ("limit=1&state=failed", "state=failed&tenant_id=t1", "limit=2&state=ü"):
        response = await ingress.http.get(f"{path}?{query}", headers=TENANT)
        expect_error(response, 422, "validation_error", "parameter state is not known", "cursor")
    assert (await ingress.http.get(f"{path}?limit=1", headers=TENANT)).status_code == 200


async def test_another_unknown_query_parameter_is_named(ingress: IngressClient) -> None:
    body = (await ingress.http.get("/api/v1/queues?key=milk")).json()
    assert body["warnings"] == ["The query parameter key is not known and was ignored."]


async def test_a_stream_names_them_in_a_header(ingress: IngressClient) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "stream": True, "ü": 1}
    stream = await ingress.http.post("/v1/chat/completions", json=body, headers=TENANT)
    assert stream.headers["x-warnings"] == r"\xfc is not a known field and was ignored."


@pytest.mark.parametrize("name", ["a\r\nset-cookie: b=c", "a\0", "a\x7f"])
async def test_a_fields_name_begins_no_other_header(ingress: IngressClient, name: str) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "stream": True, name: 1}
    stream = await ingress.http.post("/v1/chat/completions", json=body, headers=TENANT)
    assert stream.headers["x-warnings"].startswith("a\\")
    assert stream.headers["x-warnings"].isprintable()


async def test_a_header_of_warnings_is_short(ingress: IngressClient) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "stream": True}
    names = {f"{n}" + "𠀀" * 200: 1 for n in range(20)}
    stream = await ingress.http.post("/v1/chat/completions", json=body | names, headers=TENANT)
    assert len(stream.headers["x-warnings"]) == 4_096


async def test_thousands_of_unknown_fields_get_twenty_warnings(ingress: IngressClient) -> None:
    payload = {"item_name": "milk", "candidate_labels": LABELS}
    body = {"payload": payload, **{f"f{n}": n for n in range(1000)}, "x" * 5000: 1}
    response = await ingress.http.post("/api/v1/categorize", json=body, headers=TENANT)
    assert len(response.json()["warnings"]) == 20


@pytest.mark.parametrize("name", [name for name in EXAMPLE_BODIES if "{" not in name])
async def test_no_example_has_an_unknown_field(ingress: IngressClient, name: str) -> None:
    method, path = name.split()
    response = await ingress.http.request(method, path, json=EXAMPLE_BODIES[name], headers=TENANT)
    assert "warnings" not in response.json()
