"""Anthropic's messages over HTTP, with an engine that echoes."""

import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sidecar.core.errors import ModelUnavailable
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import TENANT, data_url, png


async def post(
    ingress: IngressClient, headers: dict[str, str] = TENANT, **fields: Any
) -> httpx.Response:
    message = {"role": "user", "content": "one two three"}
    body = {"max_tokens": 16, "messages": [message], **fields}
    return await ingress.http.post("/v1/messages", json=body, headers=headers)


def events(response: httpx.Response) -> list[tuple[str, Any]]:
    found = []
    for event in response.text.strip().split("\n\n"):
        name, data = event.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def test_a_message_is_answered_and_recorded(ingress: IngressClient) -> None:
    response = await post(ingress)
    assert response.status_code == 200
    body = response.json()
    assert body["content"] == [{"type": "text", "text": "one two three"}]
    assert body["usage"] == {"input_tokens": 7, "output_tokens": 3}
    assert body["id"].startswith("msg_")
    assert ingress.engine.tenants == [TENANT["x-tenant-id"]]
    artifacts = (await ingress.http.get("/api/v1/artifacts", headers=TENANT)).json()["artifacts"]
    assert [artifact["feature"] for artifact in artifacts] == ["chat_completion"]
    assert "two" not in json.dumps(artifacts)


async def test_a_stream_names_its_events_and_has_no_done(ingress: IngressClient) -> None:
    response = await post(ingress, stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    names = [name for name, _ in events(response)]
    assert (names[0], names[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert "[DONE]" not in response.text


async def test_a_stream_that_fails_ends_with_an_error(ingress: IngressClient) -> None:
    ingress.engine.fails_with, ingress.engine.fails_after = ModelUnavailable("Gone."), 1
    name, error = events(await post(ingress, stream=True))[-1]
    assert (name, error["error"]) == ("error", {"type": "overloaded_error", "message": "Gone."})


async def test_the_user_id_is_the_tenant_without_a_header(ingress: IngressClient) -> None:
    response = await post(ingress, headers={}, metadata={"user_id": "t1"})
    assert response.status_code == 200
    assert ingress.engine.tenants == ["t1"]
    nobody = await post(ingress, headers={})
    assert (nobody.status_code, nobody.json()["type"]) == (400, "error")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": []}, "messages"),
        ({"max_tokens": None}, "max_tokens"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0"),
        ({"messages": [{"role": "user", "content": [{"type": "pdf"}]}]}, "messages.0.content"),
        ({"messages": [{"role": "assistant", "content": "So"}]}, "last message"),
    ],
)
async def test_an_invalid_request_is_a_400_in_anthropics_shape(
    ingress: IngressClient, fields: dict[str, Any], words: str
) -> None:
    response = await post(ingress, **fields)
    assert response.status_code == 400
    body = response.json()
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert words in body["error"]["message"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert not ingress.engine.requests


async def test_images_obey_the_limits_of_every_image(ingress: IngressClient) -> None:
    def image(data: str) -> list[dict[str, Any]]:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        return [{"role": "user", "content": [{"type": "image", "source": source}]}]

    good = data_url(png()).partition(",")[2]
    assert (await post(ingress, messages=image(good))).status_code == 200
    bad = await post(ingress, messages=image("bm8gaW1hZ2U="))
    assert (bad.status_code, bad.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_the_api_key_is_the_token(settings: Settings) -> None:
    guarded = settings.model_copy(update={"api_tokens": (SecretStr("secret-token-of-tests"),)})
    async with serve_ingress(guarded) as ingress:
        wrong = await post(ingress, headers={**TENANT, "x-api-key": "other"})
        right = await post(ingress, headers={**TENANT, "x-api-key": "secret-token-of-tests"})
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (401, "authentication_error")
    assert right.status_code == 200
