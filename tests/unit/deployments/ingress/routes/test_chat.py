"""Chat completions over HTTP, with an engine that echoes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sidecar.core.errors import BadRequest, ModelUnavailable
from sidecar.core.setting_groups import EngineSettings
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import TENANT, data_url, image_messages, png


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": "one two three"}], **fields}


async def chat(ingress: IngressClient, **fields: Any) -> httpx.Response:
    return await ingress.http.post("/v1/chat/completions", json=body(**fields), headers=TENANT)


def events(response: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]


async def artifact(ingress: IngressClient) -> dict[str, Any]:
    response = await ingress.http.get("/api/v1/artifacts", headers=TENANT)
    [artifact] = response.json()["artifacts"]
    return dict(artifact)


async def test_a_whole_response_is_recorded_without_its_content(
    ingress: IngressClient,
) -> None:
    response = await chat(ingress, temperature=0.5)
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"] == "one two three"
    assert ingress.engine.tenants == [TENANT["x-tenant-id"]]
    record = await artifact(ingress)
    assert record["feature"] == "chat_completion"
    assert record["model_id"] == "echo"
    assert record["output_payload"] == {
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        "finish_reasons": ["stop"],
    }
    assert record["input_payload"]["temperature"] == 0.5
    assert "two" not in json.dumps(record)


async def test_a_stream_consists_of_events_and_ends_with_done(ingress: IngressClient) -> None:
    response = await chat(ingress, stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(response)
    assert [json.loads(chunk)["choices"][0]["delta"]["content"] for chunk in chunks] == [
        "one",
        "two",
        "three",
    ]
    assert done == "[DONE]"
    output = (await artifact(ingress))["output_payload"]
    assert output["usage"]["completion_tokens"] == 3
    assert output["first_token_ms"] >= 0


@pytest.mark.parametrize("stream", [False, True])
async def test_content_is_recorded_when_the_setting_stores_it(
    settings: Settings, stream: bool
) -> None:
    storing = settings.model_copy(update={"engine": EngineSettings(store_content=True)})
    async with serve_ingress(storing) as ingress:
        url = data_url(png())
        messages = [*image_messages(url), {"role": "user", "content": "one two three"}]
        await chat(ingress, messages=messages, stream=stream)
        record = await artifact(ingress)
    [message] = record["output_payload"]["messages"]
    assert message["content"].replace(" ", "") == "onetwothree"
    assert record["input_payload"]["messages"][1]["content"] == "one two three"
    assert "base64" not in json.dumps(record)


async def test_without_a_header_the_user_is_the_tenant(ingress: IngressClient) -> None:
    response = await ingress.http.post("/v1/chat/completions", json=body(user="t1"))
    assert response.status_code == 200
    assert (await artifact(ingress))["tenant_id"] == "t1"
    assert (await chat(ingress, user="somebody")).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user"}]}, "content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, "content"),
        ({"temperature": 3}, "temperature"),
        ({"n": 1000}, "n:"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"seed": 2**63}, "seed"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop: must have at most 4 entries"),
        ({"functions": [{"name": "f"}]}, "tools"),
        ({"function_call": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        # They are recorded, in columns of PostgreSQL too.
        ({"user": "u" * 201}, "user: must have at most 200 characters"),
        ({"user": "a\0b"}, "user: must be printable text"),
        ({"model": "a\0b"}, "model: must be printable text"),
    ],
)
async def test_an_invalid_request_is_a_400_in_openais_shape(
    ingress: IngressClient, fields: dict[str, Any], words: str
) -> None:
    response = await chat(ingress, **fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert not ingress.engine.requests


@pytest.mark.parametrize("content", [b"", b"{", b'{"messages": NaN}', b"[]", b"\xff"])
async def test_invalid_json_is_a_400_in_openais_shape(
    ingress: IngressClient, content: bytes
) -> None:
    headers = {**TENANT, "content-type": "application/json"}
    response = await ingress.http.post("/v1/chat/completions", content=content, headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_other_errors_below_v1_have_openais_shape(ingress: IngressClient) -> None:
    missing_tenant = await ingress.http.post("/v1/chat/completions", json=body())
    not_found = await ingress.http.get("/v1/nowhere")
    wrong_method = await ingress.http.get("/v1/chat/completions")
    large = await chat(ingress, messages=[{"role": "user", "content": "x" * 30_000}])
    for response, status in (
        (missing_tenant, 400),
        (not_found, 404),
        (wrong_method, 405),
        (large, 413),
    ):
        assert response.status_code == status
        assert set(response.json()) == {"error"}
    assert missing_tenant.json()["error"]["code"] == "missing_tenant"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_event_sets_the_status(
    ingress: IngressClient, stream: bool
) -> None:
    ingress.engine.fails_with = ModelUnavailable(retry_after_s=10)
    response = await chat(ingress, stream=stream)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"
    assert response.json()["error"]["code"] == "model_unavailable"
    ingress.engine.fails_with = BadRequest("too long")
    assert (await chat(ingress, stream=stream)).status_code == 400


async def test_an_error_during_a_stream_is_an_event_and_an_artifact(ingress: IngressClient) -> None:
    ingress.engine.fails_with, ingress.engine.fails_after = ModelUnavailable(), 1
    _, error, done = events(await chat(ingress, stream=True))
    assert json.loads(error)["error"]["code"] == "model_unavailable"
    assert done == "[DONE]"
    record = await artifact(ingress)
    assert (record["status"], record["error_code"]) == ("error", "model_unavailable")


class DisconnectingClient:
    """An ASGI client that sends a request and disconnects on demand."""

    def __init__(self, ingress: IngressClient, payload: dict[str, Any]) -> None:
        self.disconnect = asyncio.Event()
        self.received = asyncio.Event()
        self.messages: list[dict[str, Any]] = []
        self._body = json.dumps(payload).encode()
        self._sent = False
        transport = ingress.http._transport
        assert isinstance(transport, httpx.ASGITransport)
        self._app = transport.app

    async def run(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/chat/completions",
            "raw_path": b"/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), (b"x-tenant-id", b"t1")],
            "server": ("service", 80),
            "client": ("client", 1),
            "scheme": "http",
        }
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.disconnect.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.received.set()


async def leave(ingress: IngressClient, *, stream: bool) -> DisconnectingClient:
    """Disconnect during a generation without end; return the client once that is closed."""
    ingress.engine.never_ends = True
    client = DisconnectingClient(ingress, body(stream=stream))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        if stream:
            await client.received.wait()
        client.disconnect.set()
        await ingress.engine.closed.wait()
    return client


@pytest.mark.parametrize("stream", [False, True])
async def test_a_disconnect_cancels_the_generation(ingress: IngressClient, stream: bool) -> None:
    await leave(ingress, stream=stream)
    record = await artifact(ingress)
    assert (record["status"], record["error_code"]) == ("error", "client_left")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_disconnect_while_the_database_is_away_is_no_failure(
    settings: Settings, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    async with serve_ingress(settings, migrated=False) as ingress:
        client = await leave(ingress, stream=stream)
    assert "unhandled error" not in caplog.messages
    starts = [message for message in client.messages if message["type"] == "http.response.start"]
    assert [start["status"] for start in starts] == [200 if stream else 400]


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[IngressClient]:
    one_request = settings.model_copy(update={"engine": EngineSettings(tenant_concurrency=1)})
    async with serve_ingress(one_request) as ingress:
        yield ingress


async def test_a_tenant_over_its_limit_is_refused_and_others_are_not(
    limited: IngressClient,
) -> None:
    limited.engine.never_ends = True
    client = DisconnectingClient(limited, body(stream=True))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        await client.received.wait()
        refused = await chat(limited)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["type"] == "rate_limit_error"
        limited.engine.never_ends = False
        other = {"x-tenant-id": "t2"}
        response = await limited.http.post("/v1/chat/completions", json=body(), headers=other)
        assert response.status_code == 200
        client.disconnect.set()
    assert (await chat(limited)).status_code == 200


async def test_models_are_listed(ingress: IngressClient) -> None:
    assert (await ingress.http.get("/v1/models")).json()["data"][0]["id"] == "echo"


async def test_the_error_without_a_tenant_names_what_chat_takes(ingress: IngressClient) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    for named in ({}, {"user": ""}, {"tenant_id": "t1"}):
        response = await ingress.http.post("/v1/chat/completions", json={**body, **named})
        assert response.status_code == 400
        error = response.json()["error"]
        assert (error["code"], error["message"]) == (
            "missing_tenant",
            "Name a tenant: the header X-Tenant-ID, or the field user.",
        )
