"""Receipts as files: forms and bodies that are the image itself."""

import encodings
import json
from typing import Any

import httpx
import pytest

from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import (
    JPEG_BYTES,
    SUBMISSION,
    TENANT,
    expect_error,
    off_the_loop,
)

JOBS = "/api/v1/jobs"


async def stored_image(ingress: IngressClient, job: dict[str, Any]) -> tuple[str, int]:
    image = job["input_payload"]["image"]
    return image["media_type"], image["size"]


async def test_a_form_is_a_submission(ingress: IngressClient) -> None:
    form = {
        "tenant_id": "t1",
        "user_id": "u1",
        "request_id": "r1",
        "options": json.dumps({"currency": "EUR"}),
    }
    files = {"image": ("receipt.jpg", JPEG_BYTES, "image/jpeg")}
    job = (await ingress.http.post(JOBS, data=form, files=files)).json()
    assert (job["tenant_id"], job["user_id"], job["request_id"]) == ("t1", "u1", "r1")
    assert job["feature"] == "receipt_extraction"
    assert job["input_payload"]["options"]["currency"] == "EUR"
    assert await stored_image(ingress, job) == ("image/jpeg", len(JPEG_BYTES))
    again = await ingress.http.post(JOBS, data=form, files=files)
    assert again.json()["id"] == job["id"]


async def test_several_files_are_one_receipt(ingress: IngressClient) -> None:
    files = [("image", (f"{n}.jpg", JPEG_BYTES, "image/jpeg")) for n in range(2)]
    job = (await ingress.http.post(JOBS, files=files, headers=TENANT)).json()
    media_type, size = await stored_image(ingress, job)
    assert media_type not in ("image/jpeg", "application/pdf")
    assert size > 2 * len(JPEG_BYTES)


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/*; q=1", "application/pdf"])
async def test_a_body_may_be_the_image_itself(ingress: IngressClient, content_type: str) -> None:
    response = await ingress.http.post(
        JOBS,
        params={"options": '{"date_order": "dmy"}'},
        content=JPEG_BYTES,
        headers={**TENANT, "content-type": content_type, "x-request-id": "r2"},
    )
    job = response.json()
    assert job["input_payload"]["options"]["date_order"] == "dmy"
    assert await stored_image(ingress, job) == ("image/jpeg", len(JPEG_BYTES))
    assert "warnings" not in job


@pytest.mark.parametrize("body", [{"json": SUBMISSION}, {"files": {"image": JPEG_BYTES}}])
async def test_options_in_the_query_of_another_body_are_named(
    ingress: IngressClient, body: dict[str, Any]
) -> None:
    response = await ingress.http.post(JOBS, params={"options": "{}"}, headers=TENANT, **body)
    [warning] = response.json()["warnings"]
    assert "query parameter options" in warning


@pytest.mark.parametrize("path", ["/api/v1/extract-receipt", "/api/v1/receipts/extract"])
async def test_synchronous_receipts_take_files_too(ingress: IngressClient, path: str) -> None:
    files = {"image": ("receipt.jpg", JPEG_BYTES, "image/jpeg")}
    response = await ingress.http.post(
        path, files=files, data={"request_id": "mine"}, headers=TENANT
    )
    expect_error(response, 504, "timeout")  # no worker reads it
    assert response.json()["request_id"] == "mine"


@pytest.mark.parametrize(
    ("form", "files", "status", "words"),
    [
        ({}, {"tenant_id": (None, "t1")}, 400, ["no file"]),
        ({"options": "{"}, {"image": ("a", JPEG_BYTES)}, 400, ["options"]),
        ({"options": "[]"}, {"image": ("a", JPEG_BYTES)}, 422, ["options: must be an object"]),
        ({"tongue": "de"}, {"image": ("a", JPEG_BYTES)}, 400, ["tongue"]),
        ({}, {"image": ("a", b"milk")}, 400, ["format"]),
        ({}, {"image": ("a", b"x" * 9_000)}, 413, ["8000"]),
        ({"tenant_id": "t2"}, {"image": ("a", JPEG_BYTES)}, 400, ["differ"]),
    ],
)
async def test_an_unusable_form_is_refused(
    ingress: IngressClient, form: Any, files: Any, status: int, words: list[str]
) -> None:
    response = await ingress.http.post(JOBS, data=form, files=files, headers=TENANT)
    assert response.status_code == status, response.text
    for word in words:
        assert word in response.json()["error"]


async def test_a_broken_form_is_refused(ingress: IngressClient) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = await ingress.http.post(
            JOBS, content=b"--x\r\nbroken", headers={**TENANT, "content-type": content_type}
        )
        expect_error(response, 400, "bad_request", "form")


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "undefined", "punycode", "x" * 99])
async def test_a_form_is_in_utf8(ingress: IngressClient, charset: str) -> None:
    known = len(encodings._cache)  # type: ignore[attr-defined]
    expect_error(
        await _post_form(ingress, b"\\ud800", f"; charset={charset}"), 400, "bad_request", "UTF-8"
    )
    assert len(encodings._cache) == known  # type: ignore[attr-defined]
    expect_error(await _post_form(ingress, b"\xff"), 400, "bad_request", "UTF-8")
    job = (await _post_form(ingress, "Jäger".encode(), "; charset=UTF-8")).json()
    assert job["user_id"] == "Jäger"


async def test_a_large_form_is_parsed_in_a_thread(settings: Settings) -> None:
    # What may be a boundary is looked at byte by byte: 0.2 s per MB.
    part = JPEG_BYTES + b"\r\n--x-" * 100_000
    roomy = settings.model_copy(update={"max_body_bytes": 2_000_000, "max_image_bytes": 1_000_000})
    async with serve_ingress(roomy) as ingress:
        with off_the_loop():
            job = (await _post_form(ingress, b"u1", part=part)).json()
    assert await stored_image(ingress, job) == ("image/jpeg", len(part))


async def _post_form(
    ingress: IngressClient, user: bytes, parameters: str = "", part: bytes = JPEG_BYTES
) -> httpx.Response:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="user_id"\r\n\r\n' + user + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        + part
        + b"\r\n--x--\r\n"
    )
    content_type = f"multipart/form-data; boundary=x{parameters}"
    return await ingress.http.post(
        JOBS, content=body, headers={**TENANT, "content-type": content_type}
    )


async def test_other_endpoints_take_json_alone(ingress: IngressClient) -> None:
    response = await ingress.http.post(
        "/api/v1/categorize", content=JPEG_BYTES, headers={**TENANT, "content-type": "image/jpeg"}
    )
    expect_error(response, 400, "bad_request", "application/json")
