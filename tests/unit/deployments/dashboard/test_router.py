"""The operator's pages over a real database."""

import json
from collections.abc import Mapping
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from jobs.queue.job import AttemptError, JobResult, NewJob
from sidecar.core.settings import Settings
from sidecar.receipts.models import (
    Checks,
    Extraction,
    LineItem,
    Merchant,
    Money,
    OcrLine,
    ReceiptDate,
)
from tests.unit.deployments.conftest import Front, serving

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
IMAGE = {"sha256": "0" * 64, "media_type": "image/jpeg", "size": 3}
SAME_SITE = {"origin": "http://service"}


def output(text: str) -> Mapping[str, Any]:
    """A receipt all of whose texts are `text`."""
    price = Money(amount=Decimal("1.99"), currency="USD", confidence=0.95)
    item = LineItem(
        raw_text=text,
        parsed_name=text,
        quantity=Decimal(1),
        unit=text,
        unit_price=price,
        total_price=price,
        confidence=0.5,
    )
    line = OcrLine(page=0, box=(0, 0, 9000, 0, 9000, 500, 0, 500), text=text, confidence=0.8)
    return Extraction(
        merchant=Merchant(name=text, confidence=0.9),
        date=ReceiptDate(value="2026-01-10", confidence=0.6),
        total=price,
        line_items=(item, item.model_copy(update={"category": text, "discount": price})),
        raw_ocr_text=text,
        ocr_lines=(line,),
        checks=Checks(items_sum=Decimal("1.99"), matches_total=True, warnings=(text,)),
    ).flat()


async def submitted(front: Front, **more: Any) -> str:
    new = {
        "tenant_id": "t1",
        "feature": "receipt_extraction",
        "input_payload": {"image": IMAGE, "options": {}},
        "request_id": "r1",
        **more,
    }
    return (await front.queue.submit(NewJob(**new))).id


async def succeeded(front: Front, text: str = "Corner Shop", **more: Any) -> str:
    job_id = await submitted(front, **more)
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    await front.claims.succeed(
        held, JobResult(output=output(text), model_id="m", model_version="7")
    )
    return job_id


async def failed(front: Front, message: str = "The image is damaged.", **more: Any) -> str:
    job_id = await submitted(front, **more)
    [held] = await front.claims.claim(["receipt_extraction"], 1)
    error = AttemptError(code="invalid_image", message=message, retryable=False)
    await front.claims.fail(held, error)
    return job_id


class Tags(HTMLParser):
    """What a browser would build of a page: its tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def html(front: Front, path: str) -> str:
    answer = await front.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


async def test_the_overview_shows_parts_jobs_replicas_and_storage(front: Front) -> None:
    await succeeded(front)
    await failed(front)
    await submitted(front)
    text = " ".join((await html(front, "/dashboard")).split())
    assert "parts are ready" in text
    for figure in ("<b>1</b> queued", "<b>1</b> succeeded", "<b>1</b> failed"):
        assert figure in text
    assert "Ingress" in text
    assert "Jobs that ended, by state" in text
    assert await html(front, "/dashboard?window=day")


async def test_no_page_holds_an_inline_script_or_style(front: Front) -> None:
    job_id = await succeeded(front)
    paths = ["", "/jobs", f"/jobs/{job_id}", "/try", "/artifacts", "/feedback"]
    for path in paths:
        answer = await front.client.get(f"/dashboard{path}")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for tag, attributes in Tags(answer.text).found:
            assert tag != "style"
            assert tag != "script" or attributes["src"]
            assert not {name for name in attributes if name == "style" or name.startswith("on")}


async def test_texts_of_receipts_and_users_are_inert(front: Front) -> None:
    job_id = await succeeded(front, HOSTILE, tenant_id=HOSTILE, user_id=HOSTILE, request_id=HOSTILE)
    wrong_id = await failed(front, HOSTILE, tenant_id=HOSTILE)
    note = await front.client.post(
        f"/dashboard/jobs/{job_id}/feedback",
        data={"rating": "thumbs_down", "note": HOSTILE},
        headers=SAME_SITE,
    )
    assert note.status_code == 303
    job = (await front.client.get(f"/api/v1/jobs/{job_id}", headers={"x-tenant-id": "x"})).json()
    assert job["code"] == "not_found"
    artifact = json.loads(
        (await front.client.get("/dashboard/artifacts.jsonl")).text.split("\n")[0]
    )
    for path in (
        "/jobs",
        f"/jobs/{job_id}",
        f"/jobs/{job_id}/watch",
        f"/jobs/{wrong_id}",
        "/artifacts",
        f"/artifacts/{artifact['id']}",
        "/feedback",
        "/jobs?tenant=%3Cscript%3Ealert(1)%3C/script%3E",
    ):
        text = await html(front, f"/dashboard{path}")
        assert "&lt;script&gt;alert(1)" in text
        for tag, attributes in Tags(text).found:
            assert "onerror" not in attributes
            assert tag != "script" or str(attributes["src"]).startswith("/dashboard/static/")


async def test_a_job_page_tells_its_story(front: Front) -> None:
    text = await html(front, f"/dashboard/jobs/{await succeeded(front)}")
    for shown in ("Corner Shop", "1.99 USD", "95 %", "Attempt 1", "which explains the total"):
        assert shown in text
    assert 'points="0 0 9000 0 9000 500 0 500"' in text
    assert "Retry" not in text
    text = await html(front, f"/dashboard/jobs/{await failed(front)}")
    assert "The image is damaged." in text
    assert "Retry" in text
    assert "Cancel" not in text
    text = await html(front, f"/dashboard/jobs/{await submitted(front)}")
    assert "data-live" in text
    assert "Cancel" in text


async def test_jobs_are_filtered_and_paged_by_key(front: Front) -> None:
    wrong = await failed(front, tenant_id="t2")
    ids = [await submitted(front, tenant_id="t1") for _ in range(60)]

    async def listed(query: str) -> list[str]:
        text = await html(front, f"/dashboard/jobs?{query}")
        links = [str(a.get("href")) for tag, a in Tags(text).found if tag == "a"]
        return [link.rpartition("/")[2] for link in links if "/jobs/job_" in link]

    assert await listed("") == ids[:9:-1]
    assert await listed(f"before={ids[10]}") == [*ids[9::-1], wrong]
    assert await listed("tenant=t2") == [wrong]
    assert await listed("state=failed") == [wrong]
    assert await listed("feature=receipt_extraction&state=failed&tenant=t2") == [wrong]
    assert await listed("feature=receipt_extraction&tenant=t2") == [wrong]
    assert await listed("feature=meal_optimization") == []
    assert await listed("since=2200-01-01T00:00") == []
    assert await listed("until=2200-01-01T00:00&state=failed") == [wrong]
    for query in ("state=odd", "since=yesterday"):
        assert (await front.client.get(f"/dashboard/jobs?{query}")).status_code == 400


async def test_a_failed_job_is_retried_and_a_queued_one_cancelled(front: Front) -> None:
    job_id = await failed(front)
    for action, state in (("retry", "queued"), ("cancel", "cancelled")):
        answer = await front.client.post(f"/dashboard/jobs/{job_id}/{action}", headers=SAME_SITE)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/dashboard/jobs/{job_id}",
        )
        assert (await front.queue.get("t1", job_id)).status == state
    again = await front.client.post(f"/dashboard/jobs/{job_id}/cancel", headers=SAME_SITE)
    assert again.status_code == 409
    assert "already been cancelled" in again.text


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "http://service"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://elsewhere"},
        {"origin": "null"},
        {},
    ],
)
async def test_forms_of_other_sites_are_refused(front: Front, headers: dict[str, str]) -> None:
    job_id = await submitted(front)
    answer = await front.client.post(f"/dashboard/jobs/{job_id}/cancel", headers=headers)
    assert answer.status_code == 400
    assert "cross_site" in answer.text
    assert (await front.queue.get("t1", job_id)).status == "queued"


async def test_feedback_is_kept_shown_and_exported(front: Front) -> None:
    job_id = await succeeded(front)
    await front.client.post(
        f"/dashboard/jobs/{job_id}/feedback",
        data={"rating": "thumbs_up", "note": "all right"},
        headers=SAME_SITE,
    )
    assert "all right" in await html(front, f"/dashboard/jobs/{job_id}")
    assert "all right" in await html(front, "/dashboard/feedback?rating=thumbs_up")
    assert "all right" not in await html(front, "/dashboard/feedback?rating=thumbs_down")
    lines = (await front.client.get("/dashboard/feedback.jsonl?tenant=t1")).text.splitlines()
    assert [json.loads(line)["note"] for line in lines] == ["all right"]
    odd = await front.client.post(
        f"/dashboard/jobs/{job_id}/feedback", data={"rating": "so so"}, headers=SAME_SITE
    )
    assert odd.status_code == 422


async def test_artifacts_are_filtered_and_exported(front: Front) -> None:
    good, bad = await succeeded(front), await failed(front, tenant_id="t2")
    for query, expected in (("", [good, bad]), ("outcome=error", [bad]), ("tenant=t1", [good])):
        text = (await front.client.get(f"/dashboard/artifacts.jsonl?{query}")).text
        assert [json.loads(line)["job_id"] for line in text.splitlines()] == expected
        page = await html(front, f"/dashboard/artifacts?{query}")
        assert [job_id for job_id in (good, bad) if job_id in page] == expected


async def test_a_live_job_sends_its_last_state_and_ends(front: Front) -> None:
    answer = await front.client.get(f"/dashboard/jobs/{await succeeded(front)}/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("event: part\n") == 1
    assert answer.text.endswith("event: end\ndata:\n\n")


async def test_what_is_not_there_is_a_page_that_says_so(front: Front) -> None:
    for path in ("/jobs/job_0", "/artifacts/art_0", "/static/none.js", "/jobs/job_0/live"):
        answer = await front.client.get(f"/dashboard{path}")
        assert answer.status_code == 404
        assert "<h1>There is no such" in answer.text


async def test_without_a_database_the_overview_says_what_is_down(settings: Settings) -> None:
    async with serving(settings, migrated=False) as front:
        text = " ".join((await html(front, "/dashboard")).split())
        assert "parts is down" in text
        assert "The database does not answer" in text
        assert (await front.client.get("/dashboard/jobs")).status_code == 503
