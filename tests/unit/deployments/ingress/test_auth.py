"""The shared token: who is let in, what a refusal says, and that nothing tells the token."""

import base64
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from starlette.types import Scope

from deployments.ingress.auth import TokenAuthenticator
from sidecar.core.errors import Unauthorized
from sidecar.core.logging import JsonFormatter
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import Front, serving
from tests.unit.deployments.ingress.test_errors import expect

OLD, NEW = "the-old-token-0123", "the-new-token-4567"
TENANT = {"x-tenant-id": "t1"}


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Front]:
    """The HTTP surface, open to two tokens."""
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "api_tokens": f"{OLD}, {NEW}"}
    )
    async with serving(settings) as front:
        yield front


def bearer(token: str) -> dict[str, str]:
    return {**TENANT, "authorization": f"Bearer {token}"}


def basic(token: str) -> dict[str, str]:
    credentials = base64.b64encode(f"anybody:{token}".encode()).decode()
    return {**TENANT, "authorization": f"Basic {credentials}"}


@pytest.mark.parametrize("token", [OLD, NEW])
async def test_either_token_opens_the_service(guarded: Front, token: str) -> None:
    for path in ("/api/v1/jobs", "/dashboard", "/docs", "/openapi.json", "/v1/models"):
        answer = await guarded.client.get(path, headers=bearer(token))
        assert answer.status_code == 200, path


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": f"Bearer {OLD[:-1]}"},
        {"authorization": f"Bearer {OLD}{NEW}"},
        {"authorization": f"Bearer {OLD}, {NEW}"},
        {"authorization": OLD},
        {"authorization": f"Token {OLD}"},
        {"authorization": f"Basic {OLD}"},
        {"authorization": "Basic " + base64.b64encode(OLD.encode()).decode()},
        {"authorization": "Basic é".encode()},
    ],
)
async def test_whatever_else_is_sent_is_refused_everywhere(
    guarded: Front, headers: dict[str, str]
) -> None:
    for path in ("/api/v1/jobs", "/dashboard", "/docs", "/openapi.json", "/no/such/path"):
        answer = await guarded.client.get(path, headers={**TENANT, **headers})
        expect(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_refusal_below_v1_has_openais_shape(guarded: Front) -> None:
    answer = await guarded.client.post("/v1/chat/completions", json={}, headers=TENANT)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


async def test_only_what_people_look_at_makes_a_browser_ask_for_a_password(guarded: Front) -> None:
    page = await guarded.client.get("/dashboard")
    assert "Basic" in page.headers["www-authenticate"]
    api = await guarded.client.get("/api/v1/jobs", headers=TENANT)
    assert "Basic" not in api.headers["www-authenticate"]


async def test_a_browser_looks_with_its_password_and_changes_only_from_this_site(
    guarded: Front,
) -> None:
    looked = await guarded.client.get("/dashboard", headers=basic(NEW))
    assert looked.status_code == 200
    body = {"payload": {"item_name": "milk", "candidate_labels": ["Dairy", "Other"]}}
    for site, status in (("cross-site", 400), ("same-site", 400), ("same-origin", 200)):
        answer = await guarded.client.post(
            "/api/v1/categorize", json=body, headers={**basic(NEW), "sec-fetch-site": site}
        )
        assert answer.status_code == status, answer.text
    unknown = await guarded.client.post("/api/v1/categorize", json=body, headers=basic(NEW))
    expect(unknown, 400, "cross_site")


async def test_the_body_of_a_stranger_is_not_read(guarded: Front) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    answer = await guarded.client.post("/api/v1/jobs", content=body(), headers=TENANT)
    expect(answer, 401, "unauthorized")


async def test_health_is_open_and_keeps_its_details_to_itself(guarded: Front) -> None:
    for path in ("/health", "/health/live"):
        assert (await guarded.client.get(path)).status_code == 200
    closed = (await guarded.client.get("/health/ready")).json()
    assert closed["status"] == "ok"
    assert {check["detail"] for check in closed["checks"].values()} == {""}
    told = (await guarded.client.get("/health/ready", headers=bearer(OLD))).json()
    assert "" not in {check["detail"] for check in told["checks"].values()}


async def test_no_log_line_answer_or_documentation_tells_a_token(
    guarded: Front, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answers: list[httpx.Response] = [
            await guarded.client.get(path, headers=headers)
            for path in ("/api/v1/jobs", "/api/v1/artifacts", "/openapi.json", "/health/ready")
            for headers in (bearer(OLD), bearer(f"{OLD}x"), basic(NEW))
        ]
    told = [JsonFormatter().format(record) for record in caplog.records]
    assert len(told) >= len(answers)
    for text in [*told, *(answer.text + str(answer.headers) for answer in answers)]:
        assert OLD not in text
        assert NEW not in text


def test_the_settings_never_show_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_API_TOKENS", f"{OLD},{NEW}")
    settings = Settings()
    assert [token.get_secret_value() for token in settings.api_tokens] == [OLD, NEW]
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert OLD not in text
        assert NEW not in text


@pytest.mark.parametrize(
    "tokens", ["too-short", "with spaces in the middle", f"{OLD},{NEW},third-token-890123"]
)
def test_a_token_that_can_not_do_is_refused_without_showing_it(tokens: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"api_tokens": tokens})
    assert not [token for token in tokens.split(",") if token in str(raised.value)]


def asking(header: bytes) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/jobs",
        "headers": [(b"authorization", header)],
    }


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda sent: b"Basic " + sent))
def test_any_bytes_of_a_header_are_refused_as_unauthorized(header: bytes) -> None:
    with pytest.raises(Unauthorized):
        TokenAuthenticator([SecretStr(OLD)]).authenticate(asking(header))
