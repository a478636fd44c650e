"""Chat over HTTP, with an engine that echoes."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from PIL import Image

from sidecar.core.errors import BadRequest, ModelUnavailable
from sidecar.core.settings import EngineSettings, Settings
from sidecar.llm.protocol import EngineState
from tests.unit.deployments.conftest import Front, serving

TENANT = {"x-tenant-id": "t1"}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": "one two three"}], **fields}


async def chat(front: Front, **fields: Any) -> httpx.Response:
    return await front.client.post("/v1/chat/completions", json=body(**fields), headers=TENANT)


def events(answer: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]


async def artifact(front: Front) -> dict[str, Any]:
    answer = await front.client.get("/api/v1/artifacts", headers=TENANT)
    [only] = answer.json()["artifacts"]
    return dict(only)


def png(width: int = 8, height: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "png")
    return file.getvalue()


def seeing(*urls: str) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "?"}, *parts]}]


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


async def test_a_whole_answer_is_the_engines_and_an_artifact_without_its_content(
    front: Front,
) -> None:
    answer = await chat(front, temperature=0.5)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "one two three"
    record = await artifact(front)
    assert record["feature"] == "chat_completion"
    assert record["model_id"] == "echo"
    assert record["output_payload"] == {
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        "finish_reasons": ["stop"],
    }
    assert record["input_payload"]["temperature"] == 0.5
    assert "two" not in json.dumps(record)


async def test_a_stream_is_events_that_end_with_done(front: Front) -> None:
    answer = await chat(front, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(answer)
    assert [json.loads(c)["choices"][0]["delta"]["content"] for c in chunks] == [
        "one",
        "two",
        "three",
    ]
    assert done == "[DONE]"
    output = (await artifact(front))["output_payload"]
    assert output["usage"]["completion_tokens"] == 3
    assert output["first_token_ms"] >= 0


@pytest.mark.parametrize("stream", [False, True])
async def test_content_is_kept_where_the_setting_says_so(settings: Settings, stream: bool) -> None:
    keeping = settings.model_copy(update={"engine": EngineSettings(store_content=True)})
    async with serving(keeping) as front:
        url = data_url(png())
        messages = [*seeing(url), {"role": "user", "content": "one two three"}]
        await chat(front, messages=messages, stream=stream)
        record = await artifact(front)
    [answer] = record["output_payload"]["messages"]
    assert answer["content"].replace(" ", "") == "onetwothree"
    assert record["input_payload"]["messages"][1]["content"] == "one two three"
    assert "base64" not in json.dumps(record)


async def test_the_user_is_the_tenant_when_no_header_is(front: Front) -> None:
    answer = await front.client.post("/v1/chat/completions", json=body(user="t1"))
    assert answer.status_code == 200
    assert (await artifact(front))["tenant_id"] == "t1"
    assert (await chat(front, user="somebody")).status_code == 200


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
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
    ],
)
async def test_what_does_not_validate_is_a_400_in_openais_shape(
    front: Front, fields: dict[str, Any], words: str
) -> None:
    answer = await chat(front, **fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert not front.engine.asked


@pytest.mark.parametrize("content", [b"", b"{", b'{"messages": NaN}', b"[]", b"\xff"])
async def test_what_is_no_json_is_a_400_in_openais_shape(front: Front, content: bytes) -> None:
    headers = {**TENANT, "content-type": "application/json"}
    answer = await front.client.post("/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_other_errors_below_v1_have_openais_shape_too(front: Front) -> None:
    missing_tenant = await front.client.post("/v1/chat/completions", json=body())
    nowhere = await front.client.get("/v1/nowhere")
    wrong_method = await front.client.get("/v1/chat/completions")
    large = await chat(front, messages=[{"role": "user", "content": "x" * 30_000}])
    for answer, status in (
        (missing_tenant, 400),
        (nowhere, 404),
        (wrong_method, 405),
        (large, 413),
    ):
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}
    assert missing_tenant.json()["error"]["code"] == "missing_tenant"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_piece_has_its_own_status(
    front: Front, stream: bool
) -> None:
    front.engine.fails_with = ModelUnavailable(retry_after_s=10)
    answer = await chat(front, stream=stream)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "10"
    assert answer.json()["error"]["code"] == "model_unavailable"
    front.engine.fails_with = BadRequest("too long")
    assert (await chat(front, stream=stream)).status_code == 400


async def test_an_error_amid_a_stream_is_an_event_and_an_artifact(front: Front) -> None:
    front.engine.fails_with, front.engine.breaks_after = ModelUnavailable(), 1
    _, error, done = events(await chat(front, stream=True))
    assert json.loads(error)["error"]["code"] == "model_unavailable"
    assert done == "[DONE]"
    record = await artifact(front)
    assert (record["status"], record["error_code"]) == ("error", "model_unavailable")


class Leaver:
    """A client, as ASGI has it, that sends a request and leaves when it likes."""

    def __init__(self, front: Front, payload: dict[str, Any]) -> None:
        self.leave = asyncio.Event()
        self.heard = asyncio.Event()
        self.messages: list[dict[str, Any]] = []
        self._body = json.dumps(payload).encode()
        self._sent = False
        transport = front.client._transport
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
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.heard.set()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_the_generation(front: Front, stream: bool) -> None:
    front.engine.never_ends = True
    client = Leaver(front, body(stream=stream))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        if stream:
            await client.heard.wait()
        client.leave.set()
        await front.engine.closed.wait()
    record = await artifact(front)
    assert (record["status"], record["error_code"]) == ("error", "client_left")


@pytest.fixture
async def narrow(settings: Settings) -> AsyncIterator[Front]:
    one_at_a_time = settings.model_copy(update={"engine": EngineSettings(tenant_concurrency=1)})
    async with serving(one_at_a_time) as front:
        yield front


async def test_a_tenant_over_its_share_waits_and_others_do_not(narrow: Front) -> None:
    narrow.engine.never_ends = True
    client = Leaver(narrow, body(stream=True))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(client.run())
        await client.heard.wait()
        refused = await chat(narrow)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["error"]["type"] == "rate_limit_error"
        narrow.engine.never_ends = False
        other = {"x-tenant-id": "t2"}
        answer = await narrow.client.post("/v1/chat/completions", json=body(), headers=other)
        assert answer.status_code == 200
        client.leave.set()
    assert (await chat(narrow)).status_code == 200


async def test_images_reach_the_engine_as_data_alone(front: Front) -> None:
    image = png()
    assert (await chat(front, messages=seeing(data_url(image)))).status_code == 200
    [url] = front.engine.asked[0].image_urls
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == image


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1/receipt.png", "blocked_url"),
        ("http://169.254.169.254/latest/meta-data", "blocked_url"),
        ("file:///etc/passwd", "blocked_url"),
        ("data:image/png;base64,!!!", "invalid_image"),
        ("data:image/png;base64,", "invalid_image"),
        (data_url(b"GIF89a"), "unsupported_image"),
        (data_url(png()[:20]), "invalid_image"),
    ],
)
async def test_an_image_that_is_none_is_refused(front: Front, url: str, code: str) -> None:
    answer = await chat(front, messages=seeing(url))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert not front.engine.asked


async def test_images_are_bounded_in_pixels_and_number(front: Front) -> None:
    large = await chat(front, messages=seeing(data_url(png(30_000, 2_000))))
    assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
    many = await chat(front, messages=seeing(*[data_url(png())] * 5))
    assert many.status_code == 400
    assert "5" in many.json()["error"]["message"]
    assert "4" in many.json()["error"]["message"]


async def test_models_are_listed(front: Front) -> None:
    assert (await front.client.get("/v1/models")).json()["data"][0]["id"] == "echo"


@pytest.mark.parametrize(
    ("state", "status"),
    [("ok", "ok"), ("loading", "ok"), ("off", "ok"), ("down", "degraded")],
)
async def test_only_an_engine_that_is_down_degrades_the_service(
    front: Front, state: Any, status: str
) -> None:
    front.engine.status = EngineState(state, "so it is")
    ready = (await front.client.get("/health/ready")).json()
    assert ready["status"] == status
    assert ready["checks"]["engine"]["detail"] == "so it is"
