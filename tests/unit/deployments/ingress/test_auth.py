"""Token authentication: who is trusted, what a refusal contains, and no leak of a token."""

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
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import TENANT, expect_error

OLD, NEW = "the-old-token-0123", "the-new-token-4567"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[IngressClient]:
    """An ingress that accepts two tokens."""
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "api_tokens": f"{OLD}, {NEW}"}
    )
    async with serve_ingress(settings) as ingress:
        yield ingress


def bearer(token: str) -> dict[str, str]:
    return {**TENANT, "authorization": f"Bearer {token}"}


def basic(token: str) -> dict[str, str]:
    credentials = base64.b64encode(f"anybody:{token}".encode()).decode()
    return {**TENANT, "authorization": f"Basic {credentials}"}


@pytest.mark.parametrize("token", [OLD, NEW])
async def test_either_token_is_accepted(guarded: IngressClient, token: str) -> None:
    for path in ("/api/v1/jobs", "/dashboard", "/docs", "/openapi.json", "/v1/models"):
        response = await guarded.http.get(path, headers=bearer(token))
        assert response.status_code == 200, path


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
async def test_any_other_authorization_is_refused_on_every_path(
    guarded: IngressClient, headers: dict[str, str]
) -> None:
    for path in ("/api/v1/jobs", "/dashboard", "/docs", "/openapi.json", "/no/such/path"):
        response = await guarded.http.get(path, headers={**TENANT, **headers})
        expect_error(response, 401, "unauthorized")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_refusal_below_v1_has_openais_shape(guarded: IngressClient) -> None:
    response = await guarded.http.post("/v1/chat/completions", json={}, headers=TENANT)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthorized"


async def test_only_pages_make_a_browser_prompt_for_a_password(guarded: IngressClient) -> None:
    page = await guarded.http.get("/dashboard")
    assert "Basic" in page.headers["www-authenticate"]
    api = await guarded.http.get("/api/v1/jobs", headers=TENANT)
    assert "Basic" not in api.headers["www-authenticate"]


async def test_a_password_allows_reads_and_changes_from_this_site_only(
    guarded: IngressClient,
) -> None:
    page = await guarded.http.get("/dashboard", headers=basic(NEW))
    assert page.status_code == 200
    body = {"payload": {"item_name": "milk", "candidate_labels": ["Dairy", "Other"]}}
    for site, status in (("cross-site", 400), ("same-site", 400), ("same-origin", 200)):
        response = await guarded.http.post(
            "/api/v1/categorize", json=body, headers={**basic(NEW), "sec-fetch-site": site}
        )
        assert response.status_code == status, response.text
    unknown = await guarded.http.post("/api/v1/categorize", json=body, headers=basic(NEW))
    expect_error(unknown, 400, "cross_site")


async def test_the_body_of_an_unauthorized_request_is_not_read(guarded: IngressClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    response = await guarded.http.post("/api/v1/jobs", content=body(), headers=TENANT)
    expect_error(response, 401, "unauthorized")


async def test_health_is_public_without_its_details(guarded: IngressClient) -> None:
    for path in ("/health", "/health/live"):
        assert (await guarded.http.get(path)).status_code == 200
    public = (await guarded.http.get("/health/ready")).json()
    assert public["status"] == "ok"
    assert {check["detail"] for check in public["checks"].values()} == {""}
    details = (await guarded.http.get("/health/ready", headers=bearer(OLD))).json()
    assert "" not in {check["detail"] for check in details["checks"].values()}


async def test_no_log_line_response_or_document_contains_a_token(
    guarded: IngressClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        responses: list[httpx.Response] = [
            await guarded.http.get(path, headers=headers)
            for path in ("/api/v1/jobs", "/api/v1/artifacts", "/openapi.json", "/health/ready")
            for headers in (bearer(OLD), bearer(f"{OLD}x"), basic(NEW))
        ]
    log_lines = [JsonFormatter().format(record) for record in caplog.records]
    assert len(log_lines) >= len(responses)
    for text in [*log_lines, *(response.text + str(response.headers) for response in responses)]:
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
def test_an_invalid_token_is_refused_without_showing_it(tokens: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"api_tokens": tokens})
    assert not [token for token in tokens.split(",") if token in str(raised.value)]


def scope_with(header: bytes) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/jobs",
        "headers": [(b"authorization", header)],
    }


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda sent: b"Basic " + sent))
def test_any_other_header_bytes_are_unauthorized(header: bytes) -> None:
    with pytest.raises(Unauthorized):
        TokenAuthenticator([SecretStr(OLD)]).authenticate(scope_with(header))
