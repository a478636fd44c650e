"""The OpenAPI document: whole, truthful, and its examples work."""

from typing import Any

import pytest

from deployments.ingress.examples import EXAMPLE_BODIES
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import Front, serving

#: What any operation that takes a body, and any that reads what is kept, may answer with.
OF_ANY = {"200", "400", "413", "429", "500", "503", "504"}
HEALTH = ("/health", "/health/live", "/health/ready")


async def operations(front: Front) -> dict[str, dict[str, Any]]:
    paths = (await front.client.get("/openapi.json")).json()["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


async def test_each_operation_has_its_errors_in_the_shape_that_is_sent(front: Front) -> None:
    for name, operation in (await operations(front)).items():
        path = name.split()[1]
        if path in HEALTH:
            continue
        assert operation["responses"].keys() >= OF_ANY, name
        for status, response in operation["responses"].items():
            if status >= "400":
                shape = response["content"]["application/json"]["schema"]["$ref"]
                wanted = "OpenAIError" if path.startswith("/v1/") else "ErrorResponse"
                assert shape == f"#/components/schemas/{wanted}", (name, status)


async def test_each_operation_has_an_example_of_its_body_and_of_its_ids(front: Front) -> None:
    for name, operation in (await operations(front)).items():
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"], name
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                assert parameter["example"], name


async def test_each_operation_has_a_name_of_its_own(front: Front) -> None:
    names = [one["operationId"] for one in (await operations(front)).values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", EXAMPLE_BODIES)
async def test_each_example_is_a_request_that_is_understood(front: Front, name: str) -> None:
    method, path = name.split()
    answer = await front.client.request(
        method, path, json=EXAMPLE_BODIES[name], headers={"x-tenant-id": "demo"}
    )
    # A job that is not there, and a receipt that nobody reads in this test.
    expected = 404 if "job_id" in path or "feedback" in path else 200
    assert answer.status_code == (504 if "extract" in path else expected), answer.text


async def test_a_token_is_part_of_the_document_where_one_is_asked_for(settings: Settings) -> None:
    guarded = Settings.model_validate({**dict(settings), "api_tokens": "a-token-of-20-letters"})
    async with serving(guarded) as front:
        front.client.headers["authorization"] = "Bearer a-token-of-20-letters"
        found = await operations(front)
    for name, operation in found.items():
        is_open = name.split()[1] in HEALTH
        assert ("security" in operation, "401" in operation["responses"]) == (
            not is_open,
            not is_open,
        )


async def test_a_wrong_method_hears_of_the_right_ones(front: Front) -> None:
    answer = await front.client.put("/api/v1/jobs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
