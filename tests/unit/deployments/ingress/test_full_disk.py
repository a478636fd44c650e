"""A disk that is full at each write in turn: refused clearly, nothing half done, nothing lost."""

import base64
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from jobs.storage.schema import artifacts, blobs, corrections, feedback, jobs
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import JPEG_BYTES, TENANT, expect_error, submission
from tests.unit.full_disk import FullDisk

CODES = ("storage_unavailable", "database_unavailable")
TABLES = (jobs, artifacts, feedback, corrections)


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return [path for path in folder.rglob(pattern) if path.is_file()]


async def rows(ingress: IngressClient) -> dict[str, int]:
    async with ingress.database.read() as connection:
        return {
            table.name: await connection.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES
        }


async def expect_files(ingress: IngressClient, folder: Path) -> None:
    """Every image that a tenant has is whole, and nothing unfinished is left."""
    async with ingress.database.read() as connection:
        stored = (await connection.execute(select(blobs.c.sha256, blobs.c.size))).all()
    for blob in stored:
        assert (folder / blob.sha256[:2] / blob.sha256).stat().st_size == blob.size
    assert not files(folder, ".*")


async def on_every_full_disk(
    ingress: IngressClient,
    disk: FullDisk,
    folder: Path,
    send: Callable[[int], Awaitable[httpx.Response]],
) -> int:
    """Send requests until one meets no full disk; return how many writes that takes."""
    for writes in count():
        before = await rows(ingress)
        with disk.after(writes):
            response = await send(writes)
        failed = disk.failures
        if response.status_code != 200:
            assert response.json()["code"] in CODES
            expect_error(response, 503, response.json()["code"])
            assert failed
            assert await rows(ingress) == before
            response = await send(writes)
        assert response.status_code == 200, response.text
        assert await rows(ingress) != before
        await expect_files(ingress, folder)
        if not failed:
            return writes
    raise AssertionError


async def test_a_submission(
    ingress: IngressClient, settings: Settings, full_disk: FullDisk
) -> None:
    async def send(number: int) -> httpx.Response:
        image = base64.b64encode(JPEG_BYTES + b"%d" % number).decode()
        body = submission(request_id=f"r{number}", payload={"image_base64": image})
        return await ingress.http.post("/api/v1/jobs", json=body)

    writes = await on_every_full_disk(ingress, full_disk, settings.data_dir / "blobs", send)
    assert (await rows(ingress))["jobs"] == writes + 1 > 10


async def test_an_answer_that_leaves_an_artifact(
    ingress: IngressClient, settings: Settings, full_disk: FullDisk
) -> None:
    async def send(number: int) -> httpx.Response:
        payload = {"item_name": f"milk {number}", "candidate_labels": ["Dairy", "Bakery"]}
        return await ingress.http.post(
            "/api/v1/categorize", json={"tenant_id": "t1", "payload": payload}
        )

    writes = await on_every_full_disk(ingress, full_disk, settings.data_dir / "blobs", send)
    assert (await rows(ingress))["artifacts"] == writes + 1 > 3


async def test_feedback_with_a_correction(
    ingress: IngressClient, settings: Settings, full_disk: FullDisk
) -> None:
    payload = {"item_name": "milk", "candidate_labels": ["Dairy", "Bakery"]}
    body: dict[str, Any] = {"tenant_id": "t1", "payload": payload}
    answer = (await ingress.http.post("/api/v1/categorize", json=body)).json()

    async def send(number: int) -> httpx.Response:
        return await ingress.http.post(
            "/api/v1/feedback",
            headers=TENANT,
            json={
                "rating": "thumbs_down",
                "artifact_id": answer["metadata"]["artifact_id"],
                "correction": {"item_name": f"milk {number}", "category": "Bakery"},
            },
        )

    writes = await on_every_full_disk(ingress, full_disk, settings.data_dir / "blobs", send)
    found = await rows(ingress)
    assert found["feedback"] == found["corrections"] == writes + 1 > 3


async def test_erasure(
    ingress: IngressClient,
    settings: Settings,
    full_disk: FullDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Returning the free pages instead, each of which is a write too, but a small one.
    monkeypatch.setattr("jobs.maintenance.erasure._MAX_VACUUM_BYTES", 0)
    monkeypatch.setattr("jobs.maintenance.erasure._CHECKPOINT_PAUSES_S", (0.0,))
    folder = settings.data_dir / "blobs"
    other = submission(tenant_id="t2", request_id="r")
    assert (await ingress.http.post("/api/v1/jobs", json=other)).status_code == 200

    for writes in count():
        image = base64.b64encode(JPEG_BYTES + b"%d" % writes).decode()
        body = submission(request_id="r", payload={"image_base64": image})
        assert (await ingress.http.post("/api/v1/jobs", json=body)).status_code == 200
        with full_disk.after(writes):
            response = await ingress.http.delete("/api/v1/tenants/t1/data", headers=TENANT)
        failed = full_disk.failures
        if response.status_code != 200:
            assert response.json()["code"] in CODES
            response = await ingress.http.delete("/api/v1/tenants/t1/data", headers=TENANT)
        assert response.status_code == 200, response.text
        await expect_files(ingress, folder)
        # The other tenant's job and image are all that there is.
        assert (await rows(ingress))["jobs"] == 1
        assert len(files(folder)) == 1
        if not failed:
            assert writes > 10
            return
