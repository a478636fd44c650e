"""Images in requests are decoded and stored, or refused with their own error."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.ingress.images import decode_base64
from sidecar.core.errors import BadRequest, TooLarge
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import JPEG, TENANT, expect_error, submission

LIMIT = 1_000


@given(
    st.binary(max_size=LIMIT),
    st.sampled_from(["", "data:image/png;base64,", "DATA:image/PNG;BASE64,", "data:,"]),
)
def test_base64_decodes_with_and_without_a_data_url(data: bytes, prefix: str) -> None:
    assert decode_base64(prefix + base64.b64encode(data).decode(), LIMIT) == data
    assert decode_base64(prefix + base64.encodebytes(data).decode(), LIMIT) == data


@given(
    st.sampled_from(["", "data:", "data:image/png;base64,"]),
    st.text() | st.text(string.ascii_letters + string.digits + "+/= ,\n", max_size=2 * LIMIT),
)
def test_any_text_is_decoded_or_refused(prefix: str, text: str) -> None:
    try:
        data = decode_base64(prefix + text, LIMIT)
    except (BadRequest, TooLarge):
        return
    assert len(data) <= LIMIT + 1024 + 3


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ({"image_base64": "!!!"}, 400, "invalid_image"),
        ({"image_base64": "é"}, 400, "invalid_image"),
        ({"image_base64": ""}, 400, "invalid_image"),
        ({"image_base64": "data:image/jpeg;base64,"}, 400, "invalid_image"),
        ({"image_base64": base64.b64encode(b"milk 1.99").decode()}, 400, "unsupported_image"),
        ({"image_base64": base64.b64encode(bytes(8_001)).decode()}, 413, "too_large"),
        ({"image_base64": "A" * 13_000}, 413, "too_large"),
        ({"image_path": "../../etc/passwd"}, 404, "not_found"),
        ({"image_path": "/etc/passwd"}, 404, "not_found"),
        ({"image_path": "link"}, 404, "not_found"),
        ({"image_path": "nothing.jpg"}, 404, "not_found"),
        ({"image_path": "a\x00b"}, 404, "not_found"),
        ({"image_path": "text.jpg"}, 400, "unsupported_image"),
        ({"image_url": "http://127.0.0.1:9/x.jpg"}, 400, "blocked_url"),
        ({"image_url": "file:///etc/passwd"}, 400, "blocked_url"),
    ],
)
async def test_an_unusable_image_is_refused_and_leaves_no_job(
    ingress: IngressClient, settings: Settings, source: dict[str, str], status: int, code: str
) -> None:
    assert settings.image_dir is not None
    (settings.image_dir / "link").symlink_to("/etc/passwd")
    (settings.image_dir / "text.jpg").write_text("milk 1.99")
    expect_error(
        await ingress.http.post("/api/v1/jobs", json=submission(payload=source)), status, code
    )
    response = await ingress.http.post(
        "/api/v1/extract-receipt", json={"tenant_id": "t1", "payload": source}
    )
    expect_error(response, status, code)
    response = await ingress.http.post(
        "/api/v1/receipts/extract", json={"account_id": "t1", **source}
    )
    expect_error(response, status, code)
    assert (await ingress.http.get("/api/v1/jobs", headers=TENANT)).json()["total"] == 0


PDF = base64.b64encode(b"%PDF-1.7 and so on").decode()


@pytest.mark.parametrize(
    ("photos", "status", "code"),
    [
        ([], 422, "validation_error"),
        ([JPEG, 5], 422, "validation_error"),
        ([JPEG, "!!!"], 400, "invalid_image"),
        ([JPEG, ""], 400, "invalid_image"),
        ([JPEG, base64.b64encode(b"milk 1.99").decode()], 400, "unsupported_image"),
        ([JPEG, PDF], 400, "unsupported_image"),
        ([PDF], 400, "unsupported_image"),
        ([JPEG, base64.b64encode(bytes(8_001)).decode()], 413, "too_large"),
        (21 * [JPEG], 413, "too_large"),
    ],
)
async def test_an_unusable_photograph_of_several_is_refused(
    ingress: IngressClient, photos: list[object], status: int, code: str
) -> None:
    body = submission(payload={"images_base64": photos})
    expect_error(await ingress.http.post("/api/v1/jobs", json=body), status, code)
    assert (await ingress.http.get("/api/v1/jobs", headers=TENANT)).json()["total"] == 0


async def test_several_photographs_are_stored_as_one_file_and_one_as_itself(
    ingress: IngressClient,
) -> None:
    other = base64.b64encode(base64.b64decode(JPEG) + b"!").decode()
    images = []
    for photos in ([JPEG, other], [JPEG, other], [JPEG]):
        body = submission(payload={"images_base64": photos})
        response = await ingress.http.post("/api/v1/jobs", json=body)
        images.append(response.json()["input_payload"]["image"])
    assert images[0] == images[1]
    assert [image["media_type"] for image in images[1:]] == ["application/zip", "image/jpeg"]


async def test_an_image_in_the_image_folder_is_accepted(
    ingress: IngressClient, settings: Settings
) -> None:
    assert settings.image_dir is not None
    (settings.image_dir / "shop").mkdir()
    (settings.image_dir / "shop" / "1.jpg").write_bytes(base64.b64decode(JPEG))
    payload = {"image_path": "shop/1.jpg"}
    response = await ingress.http.post("/api/v1/jobs", json=submission(payload=payload))
    assert response.json()["input_payload"]["image"]["media_type"] == "image/jpeg"
