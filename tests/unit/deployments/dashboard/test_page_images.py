"""Pages of files, rendered in a process of their own."""

import io

import pytest
from PIL import Image

from deployments.dashboard.page_images import PageImages
from jobs.queue.job import JobResult
from jobs.queue.queue import utc_now
from jobs.storage.blobs import BlobStore
from sidecar.core.errors import InvalidImage, NotFound, UnreadablePdf
from sidecar.core.settings import Settings
from sidecar.receipts.pages.album import pack
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.dashboard.test_router import output, submitted

COLORS = [(250, 0, 0), (0, 0, 250)]


def sheets() -> list[Image.Image]:
    return [Image.new("RGB", (100, 200), color) for color in COLORS]


def file(kind: str) -> bytes:
    buffer = io.BytesIO()
    first, *rest = sheets()
    first.save(buffer, kind, save_all=True, append_images=rest)
    return buffer.getvalue()


def album() -> bytes:
    photos = []
    for sheet in sheets():
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=95)
        photos.append(buffer.getvalue())
    return pack(photos)


@pytest.mark.parametrize("data", [file("PDF"), file("TIFF"), album()], ids=["pdf", "tiff", "album"])
async def test_every_page_of_a_file_becomes_a_jpeg(data: bytes) -> None:
    pages = PageImages(Settings())
    for number, color in enumerate(COLORS):
        with Image.open(io.BytesIO(await pages.render(data, number))) as image:
            assert image.format == "JPEG"
            assert image.height == pytest.approx(2 * image.width, rel=0.02)
            pixel = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
            assert pixel == pytest.approx(color, abs=12)
    with pytest.raises(NotFound, match="no such page"):
        await pages.render(data, 2)


async def test_what_is_wrong_with_a_file_is_said() -> None:
    with pytest.raises(UnreadablePdf):
        await PageImages(Settings()).render(b"%PDF-1.4 and nothing more", 0)


async def test_a_page_that_needs_too_much_memory_ends_its_own_process_alone() -> None:
    cramped = Settings.model_validate({"job": {"memory_bytes": 64 * 2**20}})
    buffer = io.BytesIO()
    Image.new("RGB", (6000, 6000)).save(buffer, "TIFF", compression="tiff_deflate")
    with pytest.raises(InvalidImage, match="can't be drawn"):
        await PageImages(cramped).render(buffer.getvalue(), 0)


async def test_the_review_page_shows_every_page(ingress: IngressClient, settings: Settings) -> None:
    blobs = BlobStore(settings.blob_dir, ingress.database, utc_now)
    blob = await blobs.put("t1", file("PDF"), "application/pdf")
    image = {"sha256": blob.sha256, "media_type": blob.media_type, "size": blob.size}
    job_id = await submitted(ingress, input_payload={"image": image, "options": {}})
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    read = {**output("Corner Shop"), "pages": 2}
    result = JobResult(output=read, model_id="m", model_version="7", needs_review=True)
    await ingress.claims.succeed(claimed, result)
    review = (await ingress.http.get(f"/dashboard/review/{job_id}")).text
    job = (await ingress.http.get(f"/dashboard/jobs/{job_id}")).text
    for number in (1, 2):
        path = f"/dashboard/jobs/{job_id}/pages/{number}"
        assert f'src="{path}"' in review
        response = await ingress.http.get(path)
        assert response.headers["content-type"] == "image/jpeg"
    assert "1 more page</a>" in job
    assert (await ingress.http.get(f"/dashboard/jobs/{job_id}/pages/3")).status_code == 404
    assert (await ingress.http.get(f"/dashboard/jobs/{job_id}/pages/0")).status_code == 422
