"""Attacks over HTTP on the running service, while an honest caller goes on."""

import base64
import contextlib
import json
import random
import socket
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from bench.attacks import plan as largest_plan
from tests.acceptance.browser import chromium
from tests.acceptance.call_recorder import serving
from tests.acceptance.service import Service
from tests.acceptance.test_jobs import plan
from tests.acceptance.test_plans import HARD

UNFINISHED = 400
#: The deadline for a request's head and the first bytes of its body, and as much again.
DEADLINE_S = 20
HEAD = "POST /api/v1/categorize HTTP/1.1\r\nHost: localhost\r\nX-Tenant-ID: attacker\r\n"
NAMES = {"item_name": "oat milk", "candidate_labels": ["Dairy", "Bakery", "Drinks"]}


def answered_meanwhile(client: httpx.Client, attack: Any) -> tuple[httpx.Response, int]:
    """Return the attack's answer, and how often the service was alive before it came."""
    answers = 0
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(attack)
        while not future.done():
            assert client.get("/health/live").status_code == 200
            answers += 1
        return future.result(), answers


def categorize(client: httpx.Client) -> httpx.Response:
    return client.post("/api/v1/categorize", json={"tenant_id": "acceptance", "payload": NAMES})


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(f"{HEAD}Content-Length: 100000\r\n\r\n{{", id="a body of which a byte comes"),
        pytest.param(HEAD, id="a head that doesn't end"),
    ],
)
def test_hundreds_of_unfinished_requests_lock_nobody_out_and_end(
    service: Service, client: httpx.Client, request_bytes: str
) -> None:
    url = urlsplit(service.url)
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(UNFINISHED):
            connection = socket.create_connection((url.hostname, url.port), timeout=DEADLINE_S)
            sockets.append(stack.enter_context(connection))
            connection.sendall(request_bytes.encode())
        for _ in range(20):
            assert client.get("/health/live").status_code == 200
            assert categorize(client).status_code == 200
        # Each is ended by the service: refused, or closed.
        for connection in sockets:
            answer = connection.recv(4096)
            assert answer == b"" or answer.split()[1] in (b"400", b"408", b"503")


def test_long_corrections_and_long_names_hold_nobody_up(client: httpx.Client) -> None:
    rng = random.Random(1)

    def text() -> str:
        return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=500))

    assert categorize(client).json()["status"] == "success"
    [artifact] = client.get("/api/v1/artifacts", params={"limit": 1}).json()["artifacts"]
    labels = NAMES["candidate_labels"]
    for _ in range(150):
        feedback = {
            "rating": "thumbs_down",
            "artifact_id": artifact["id"],
            "correction": {"item_name": text(), "category": "Bakery"},
        }
        assert client.post("/api/v1/feedback", json=feedback).status_code == 200
    items = [{"id": str(number), "name": text()} for number in range(100)]
    batch = {"tenant_id": "acceptance", "payload": {"items": items, "candidate_labels": labels}}

    response, _ = answered_meanwhile(
        client, lambda: client.post("/api/v1/categorize-batch", json=batch)
    )
    assert response.status_code == 200
    assert len(response.json()["payload"]["predictions"]) == 100


@pytest.mark.parametrize("nested", [True, False], ids=["nested lists", "millions of lists"])
def test_a_large_body_without_sense_is_refused_while_others_are_answered(
    client: httpx.Client, nested: bool
) -> None:
    lists = "[" * 9_000_000 + "]" * 9_000_000 if nested else "[" + "[]," * 6_000_000 + "[]]"
    body = f'{{"tenant_id": "acceptance", "payload": {lists}}}'.encode()
    headers = {"content-type": "application/json"}
    response, answers = answered_meanwhile(
        client, lambda: client.post("/api/v1/categorize", content=body, headers=headers)
    )
    assert response.status_code in (400, 413, 422), response.text
    assert response.json()["status"] == "error"
    assert answers


def test_a_search_in_megabytes_of_documents_reaches_the_other_deployment(
    client: httpx.Client,
) -> None:
    words = ["flour", "sugar", "butter", "eggs", "salt", "pepper", "basil", "thyme", "rice"]
    rng = random.Random(2)
    # Nobody could embed all of them in time; without a weight, nobody has to.
    documents = [
        {"id": str(number), "text": " ".join(rng.choices(words, k=260))} for number in range(4_000)
    ]
    documents[1234]["text"] += " cardamom"
    payload = {
        "query": "cardamom",
        "documents": documents,
        "keyword_weight": 1,
        "semantic_weight": 0,
        "top_k": 3,
    }
    assert len(json.dumps(payload)) > 5e6
    response = client.post(
        "/api/v1/search", json={"tenant_id": "acceptance", "payload": payload}, timeout=120
    )
    assert response.status_code == 200, response.text[:500]
    found = response.json()["payload"]["results"]
    assert found[0]["id"] == "1234"
    assert all(0 < document["semantic_score"] <= 1 for document in found)


def test_a_plan_of_megabytes_is_answered_in_its_time(client: httpx.Client) -> None:
    body = largest_plan(1_000, 60)
    body["payload"]["timeout_ms"] = 5_000
    assert len(json.dumps(body)) > 5e6
    response, answers = answered_meanwhile(
        client,
        lambda: client.post(
            "/api/v1/optimize/meal-plan", json={"tenant_id": "acceptance", **body}, timeout=60
        ),
    )
    assert response.status_code == 200, response.text[:500]
    assert len(response.json()["payload"]["meal_plan"]) == 7
    assert answers


@pytest.mark.parametrize("keyword", [b"stream\r\n", b"stream\r", b"stream  \n"])
def test_a_pdf_that_unpacks_to_gigabytes_is_refused(client: httpx.Client, keyword: bytes) -> None:
    bomb = zlib.compress(zlib.compress(bytes(400 * 2**20), 9), 9)
    pdf = (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>endobj\n"
        b"4 0 obj<</Length %d/Filter[/FlateDecode/FlateDecode]>>"
        % len(bomb)
        + keyword
        + bomb
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )
    image = base64.b64encode(pdf).decode()
    response = client.post(
        "/api/v1/extract-receipt",
        json={"tenant_id": "acceptance", "payload": {"image_base64": image}},
    )
    assert response.status_code in (413, 422), response.text
    assert response.json()["status"] == "error"


def test_a_schema_that_would_take_minutes_is_refused_while_others_are_answered(
    client: httpx.Client, engine: Service
) -> None:
    del engine
    properties = {f"p{number}": {"type": "string"} for number in range(1_500)}
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 8,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object", "properties": properties}},
        },
    }
    response, answers = answered_meanwhile(
        client, lambda: client.post("/v1/chat/completions", json=body)
    )
    assert response.status_code == 400, response.text
    assert answers


@pytest.fixture(scope="module")
def stranger() -> Iterator[Browser]:
    """A browser in whose network a stranger's names lead to this machine."""
    with chromium("--host-resolver-rules=MAP rebound.example.com 127.0.0.1") as browser:
        yield browser


@pytest.fixture
def page_elsewhere(stranger: Browser, service: Service) -> Iterator[Page]:
    """A page of a site whose name was made to lead to this machine."""
    context = stranger.new_context(
        base_url=f"http://rebound.example.com:{urlsplit(service.url).port}"
    )
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", ["/dashboard", "/api/v1/jobs", "/docs"])
def test_a_name_that_was_made_to_lead_here_reads_nothing(page_elsewhere: Page, path: str) -> None:
    response = page_elsewhere.goto(path)
    assert response is not None
    assert response.status == 421
    assert "receipt" not in page_elsewhere.content()


def test_a_page_of_another_site_changes_nothing(
    stranger: Browser, service: Service, client: httpx.Client
) -> None:
    job_id = plan(client, {**HARD, "timeout_ms": 10_000})
    cancel = f"{service.url}/api/v1/jobs/{job_id}/cancel"
    with serving(_Elsewhere) as site, stranger.new_context() as context:
        page = context.new_page()
        page.goto(site.replace("127.0.0.1", "localhost"))  # another site than the service's
        page.evaluate(
            """url => fetch(url, {
                method: "POST",
                mode: "no-cors",
                headers: {"content-type": "text/plain"},
                body: JSON.stringify({tenant_id: "acceptance"}),
            }).then(() => 0)""",
            cancel,
        )
    assert client.get(f"/api/v1/jobs/{job_id}").json()["status"] in ("queued", "running")
    assert client.post(cancel).json()["status"] == "cancelled"


class _Elsewhere(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>elsewhere</title>")

    def log_message(self, *_: Any) -> None:
        pass
