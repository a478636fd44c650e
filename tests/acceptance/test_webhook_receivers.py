"""The receivers of docs/webhooks.md verify the real service's calls."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.launcher.ports import free_port
from tests.acceptance.call_recorder import recorder
from tests.acceptance.databases import Database
from tests.acceptance.elixir_client import run
from tests.acceptance.service import REPOSITORY, Service, running
from tests.acceptance.test_plans import PLAN

PAGE = (REPOSITORY / "docs" / "webhooks.md").read_text()
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
FORMER_SECRET = f"whsec_{base64.b64encode(bytes(range(100, 132))).decode()}"


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Service]:
    """A service that replaces a secret, and may call this machine."""
    settings = {
        **database.settings(),
        "ssrf_allowed_networks": "127.0.0.0/8",
        "webhook": {"secret": f"{SECRET},{FORMER_SECRET}", "retry_backoff_base_s": 0.2},
    }
    folder = tmp_path_factory.mktemp("webhooks")
    with running(folder, settings=settings, change=database.change) as service:
        yield service


@contextmanager
def python_receiver(folder: Path, secret: str) -> Iterator[tuple[str, Path]]:
    """Run the page's receiver; yield its URL and the file of what it prints."""
    [code] = examples("python")
    (folder / "receiver.py").write_text(code)
    port, log = free_port(), folder / "receiver.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port)],
            cwd=folder,
            env={**os.environ, "SIDECAR_WEBHOOK_SECRET": secret},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "Uvicorn running" in log.read_text(), process)
        yield f"http://127.0.0.1:{port}/webhooks/sidecar", log
    finally:
        process.terminate()
        process.wait(10)


def wait_until(condition: Any, process: "subprocess.Popen[bytes] | None" = None) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert process is None or process.poll() is None, "the receiver has ended"
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("secret", [SECRET, FORMER_SECRET])
def test_the_python_receiver_takes_a_jobs_webhook_with_either_secret(
    client: httpx.Client, tmp_path: Path, secret: str
) -> None:
    with python_receiver(tmp_path, secret) as (url, log):
        job_id = submit(client, url)
        wait_until(lambda: delivered(client, job_id))
        wait_until(lambda: "job.succeeded {'error_code': None" in log.read_text())
        assert job_id in log.read_text()
        client.post(f"/api/v1/jobs/{job_id}/webhook/resend").raise_for_status()
        wait_until(lambda: log.read_text().count("204 No Content") == 2)
        assert log.read_text().count("job.succeeded") == 1, "a duplicate by its webhook-id"


def test_the_python_receiver_refuses_another_secret(client: httpx.Client, tmp_path: Path) -> None:
    other = f"whsec_{base64.b64encode(bytes(24)).decode()}"
    with python_receiver(tmp_path, other) as (url, _):
        answer = client.post("/api/v1/webhooks/ping", json={"callback_url": url}).json()
    assert (answer["delivered"], answer["response_status"]) == (False, 401)


def submit(client: httpx.Client, url: str) -> str:
    response = client.post(
        "/api/v1/jobs",
        json={"feature": "meal_optimization", "payload": PLAN, "callback_url": url},
    )
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def delivered(client: httpx.Client, job_id: str) -> bool:
    webhook = client.get(f"/api/v1/jobs/{job_id}").json()["webhook"]
    return bool(webhook["status"] == "delivered")


def test_the_elixir_receiver_takes_the_services_calls_alone(
    client: httpx.Client, client_code: Path, tmp_path: Path
) -> None:
    """The plug runs against a stand-in for Plug.Conn, as Debian has no package of Plug."""
    with recorder() as (url, calls):
        client.post("/api/v1/webhooks/ping", json={"callback_url": url}).raise_for_status()
    [(headers, body)] = calls
    [receiver, mounted] = examples("elixir")
    assert "plug SidecarWebhook" in mounted
    (tmp_path / "receiver.ex").write_text(receiver)
    (tmp_path / "call.json").write_text(
        json.dumps({"headers": headers, "body": body.decode(), "secrets": [SECRET]})
    )
    script = Path(__file__).parent / "elixir" / "webhook_test.exs"
    output = run(["elixir", "-pa", str(client_code), str(script)], {"FOLDER": str(tmp_path)})
    assert " 0 failures" in output
