"""Jobs through the real service: events, webhooks, memory limits, erasure."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.acceptance.call_recorder import recorder
from tests.acceptance.conftest import WaitForJob
from tests.acceptance.databases import Database
from tests.acceptance.service import Service, running
from tests.acceptance.test_plans import HARD, PLAN
from tests.acceptance.test_receipts import submit

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

pytestmark = pytest.mark.both_databases


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Service]:
    """A service that may call this machine, with enough memory for plans but not for receipts.

    No process is warm: a plan in one that has loaded the recognizer would be over the limit too.
    """
    settings = {
        **database.settings(),
        "job": {"memory_bytes": 300 * 2**20, "retry_backoff_base_s": 0.1},
        "worker": {"warm": 0},
        "receipt": {"max_attempts": 2},
        "ssrf_allowed_networks": "127.0.0.0/8",
        "webhook": {"secret": SECRET, "retry_backoff_base_s": 0.2},
    }
    folder = tmp_path_factory.mktemp("jobs")
    with running(folder, settings=settings, change=database.change) as service:
        yield service


def plan(client: httpx.Client, payload: dict[str, Any], **more: Any) -> str:
    body = {"tenant_id": "acceptance", "feature": "meal_optimization", "payload": payload, **more}
    response = client.post("/api/v1/jobs", json=body)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def test_events_are_pushed_up_to_the_final_one(client: httpx.Client) -> None:
    job_id = plan(client, PLAN)
    with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    statuses = list(dict.fromkeys(event["status"] for event in events))
    assert statuses == ["queued", "running", "succeeded"]
    assert [event["final"] for event in events] == [False] * (len(events) - 1) + [True]


def test_a_disconnect_ends_the_event_stream(client: httpx.Client, service: Service) -> None:
    job_id = plan(client, HARD)
    request_id = f"watcher-{job_id}"
    path = f"/api/v1/jobs/{job_id}/events"
    with client.stream("GET", path, headers={"x-request-id": request_id}) as stream:
        assert next(stream.iter_lines()).startswith("id: ")
    deadline = time.monotonic() + 10
    while f'"request_id": "{request_id}", "method"' not in service.log.read_text():
        assert time.monotonic() < deadline, "the request goes on after the disconnect"
        time.sleep(0.1)
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 200


def test_the_callback_url_is_called_until_it_succeeds(client: httpx.Client) -> None:
    with recorder(first_status=500) as (url, calls):
        job_id = plan(client, PLAN, callback_url=url)
        deadline = time.monotonic() + 30
        while len(calls) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (first_headers, content), (headers, _) = calls
        body = json.loads(content)
        assert body["type"] == "job.succeeded", body
        assert body["data"]["job_id"] == job_id
        assert first_headers["webhook-id"] == headers["webhook-id"]
        assert Webhook(SECRET).verify(json.dumps(body, separators=(",", ":")), headers) == body


def test_an_attempt_over_its_memory_limit_fails_alone(
    client: httpx.Client, service: Service, sample: str, wait_for_job: WaitForJob
) -> None:
    poison = submit(client, sample).json()["id"]
    harmless = plan(client, PLAN)
    job = wait_for_job(poison)
    assert (job["status"], job["attempt"]) == ("failed", 2)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["failed", "failed"]
    assert "its memory limit" in job["error_message"]
    assert wait_for_job(harmless)["status"] == "succeeded"
    service.wait_for_processes("ray::receipt_extraction", 0, within_s=10)


def test_erasing_a_tenant_stops_its_running_jobs_and_deletes_its_data(
    client: httpx.Client, service: Service, sample: str, wait_for_job: WaitForJob
) -> None:
    client.headers["x-tenant-id"] = "leaving"
    job_id = plan(client, HARD, tenant_id="leaving")
    submit(client, sample, tenant_id="leaving")
    wait_for_job(job_id, lambda job: job["status"] == "running", 30)
    erased = client.delete("/api/v1/tenants/leaving/data")
    assert erased.status_code == 200
    assert erased.json()["erased"]["jobs"] == 2
    service.wait_for_processes("ray::meal_optimization", 0, within_s=10)
    for path in ("/api/v1/jobs", "/api/v1/artifacts"):
        assert client.get(path).json()["total"] == 0
