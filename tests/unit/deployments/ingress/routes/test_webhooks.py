"""The state of a job's webhook, its resend, and the ping of a receiver."""

import pytest

from jobs.queue.webhooks import WebhookDispatcher
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress
from tests.unit.deployments.requests import TENANT, expect_error, submission
from tests.unit.sidecar.core.test_ssrf import http_server

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
URL = "https://core.example/done"


async def finished(ingress: IngressClient, **changes: object) -> str:
    response = await ingress.http.post("/api/v1/jobs", json=submission(**changes))
    job_id = str(response.json()["id"])
    await ingress.http.post(f"/api/v1/jobs/{job_id}/cancel", headers=TENANT)
    return job_id


async def test_a_job_shows_the_state_of_its_webhook_until_it_is_delivered(
    ingress: IngressClient,
) -> None:
    waiting = (await ingress.http.post("/api/v1/jobs", json=submission(callback_url=URL))).json()
    assert waiting["webhook"]["status"] == "waiting"
    assert waiting["webhook"]["url"] == URL
    job_id = await finished(ingress, callback_url=URL)
    responses = [503, 204, 204]

    async def send(*_: object) -> int:
        return responses.pop(0)

    async def state() -> tuple[object, ...]:
        body = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers=TENANT)).json()["webhook"]
        return body["status"], body["attempts"], body["response_status"], body["error_message"]

    dispatcher = WebhookDispatcher(ingress.database, send=send)
    assert await state() == ("pending", 0, None, None)
    await dispatcher.deliver()
    assert await state() == ("pending", 1, 503, "The URL answered with status 503.")
    page = (await ingress.http.get(f"/dashboard/jobs/{job_id}")).text
    assert "The URL answered with status 503." in page
    for path, headers, status in (
        (f"/api/v1/jobs/{job_id}/webhook/resend", TENANT, 200),
        (f"/dashboard/jobs/{job_id}/webhook/resend", {"origin": "http://service"}, 303),
    ):
        response = await ingress.http.post(path, headers=headers)
        assert response.status_code == status
        await dispatcher.deliver()
        assert await state() == ("delivered", 1, 204, None)
    assert "Send again" in (await ingress.http.get(f"/dashboard/jobs/{job_id}")).text


async def test_only_a_finished_job_with_a_callback_is_sent_again(ingress: IngressClient) -> None:
    async def resend(job_id: str, tenant: str = "t1") -> object:
        return await ingress.http.post(
            f"/api/v1/jobs/{job_id}/webhook/resend", headers={"x-tenant-id": tenant}
        )

    quiet = await finished(ingress)
    assert (await ingress.http.get(f"/api/v1/jobs/{quiet}", headers=TENANT)).json()[
        "webhook"
    ] is None
    expect_error(await resend(quiet), 409, "conflict", "no callback_url")
    queued = (await ingress.http.post("/api/v1/jobs", json=submission(callback_url=URL))).json()
    expect_error(await resend(queued["id"]), 409, "conflict", "has not ended")
    expect_error(await resend(queued["id"], "t2"), 404, "not_found")


async def test_a_ping_is_signed_and_says_what_the_receiver_answered(settings: Settings) -> None:
    received: list[str] = []
    answers = [b"204 No Content", b"401 Unauthorized"]

    def respond(head: str) -> bytes:
        received.append(head)
        return b"HTTP/1.1 " + answers.pop(0) + b"\r\nConnection: close\r\n\r\n"

    with_secret = Settings.model_validate(
        {**dict(settings), "ssrf_allowed_networks": "127.0.0.0/8", "webhook": {"secret": SECRET}}
    )
    async with serve_ingress(with_secret) as ingress, http_server(respond) as port:
        ping = {"callback_url": f"http://127.0.0.1:{port}/hook"}
        good, bad = [
            (await ingress.http.post("/api/v1/webhooks/ping", json=ping, headers=TENANT)).json()
            for _ in range(2)
        ]
        ping = {"callback_url": "http://127.0.0.1:1/hook"}
        none = (await ingress.http.post("/api/v1/webhooks/ping", json=ping, headers=TENANT)).json()
    assert (good["delivered"], good["response_status"], good["error_message"]) == (True, 204, None)
    assert (bad["delivered"], bad["response_status"]) == (False, 401)
    assert "401" in bad["error_message"]
    assert (none["delivered"], none["response_status"]) == (False, None)
    assert none["error_message"]
    lines = dict(line.lower().split(": ", 1) for line in received[0].split("\r\n")[1:] if line)
    headers = {name: value for name, value in lines.items() if name.startswith("webhook-")}
    assert headers["webhook-id"] == good["webhook_id"]
    assert "webhook-signature" in headers


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://exa mple.com/", "ftp://a/"])
async def test_a_ping_reaches_nothing_private(ingress: IngressClient, url: str) -> None:
    response = await ingress.http.post(
        "/api/v1/webhooks/ping", json={"callback_url": url}, headers=TENANT
    )
    expect_error(response, 400, "blocked_url", "callback_url: ")


async def test_the_error_of_a_private_address_names_the_setting(ingress: IngressClient) -> None:
    response = await ingress.http.post(
        "/api/v1/jobs", json=submission(callback_url="http://10.0.0.1/done")
    )
    expect_error(response, 400, "blocked_url", "callback_url", "SIDECAR_SSRF_ALLOWED_NETWORKS")
