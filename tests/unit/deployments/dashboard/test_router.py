"""The operator's pages over a real database."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

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
from tests.unit.deployments.conftest import IngressClient, serve_ingress

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
IMAGE = {"sha256": "0" * 64, "media_type": "image/jpeg", "size": 3}
SAME_SITE = {"origin": "http://service"}


def output(text: str) -> Mapping[str, Any]:
    """Return an extracted receipt in which every text is `text`."""
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


async def submitted(ingress: IngressClient, **more: Any) -> str:
    job = {
        "tenant_id": "t1",
        "feature": "receipt_extraction",
        "input_payload": {"image": IMAGE, "options": {}},
        "request_id": "r1",
        **more,
    }
    return (await ingress.queue.submit(NewJob(**job))).id


async def succeeded(ingress: IngressClient, text: str = "Corner Shop", **more: Any) -> str:
    job_id = await submitted(ingress, **more)
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    await ingress.claims.succeed(
        claimed, JobResult(output=output(text), model_id="m", model_version="7")
    )
    return job_id


async def failed(
    ingress: IngressClient, message: str = "The image is damaged.", **more: Any
) -> str:
    job_id = await submitted(ingress, **more)
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    error = AttemptError(code="invalid_image", message=message, retryable=False)
    await ingress.claims.fail(claimed, error)
    return job_id


async def cancelled(ingress: IngressClient) -> str:
    job_id = await submitted(ingress)
    await ingress.queue.cancel("t1", job_id)
    return job_id


class Tags(HTMLParser):
    """Parses a page's tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def html(ingress: IngressClient, path: str) -> str:
    response = await ingress.http.get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/html")
    return response.text


async def test_the_overview_shows_parts_jobs_replicas_and_storage(ingress: IngressClient) -> None:
    await succeeded(ingress)
    await failed(ingress)
    await submitted(ingress)
    text = " ".join((await html(ingress, "/dashboard")).split())
    assert "parts are ready" in text
    for figure in ("<b>1</b> queued", "<b>1</b> succeeded", "<b>1</b> failed"):
        assert figure in text
    assert "Ingress" in text
    assert "Finished jobs by state" in text
    assert await html(ingress, "/dashboard?window=day")


async def test_no_page_has_an_inline_script_or_style(ingress: IngressClient) -> None:
    job_id = await succeeded(ingress)
    paths = ["", "/jobs", f"/jobs/{job_id}", "/try", "/artifacts", "/feedback"]
    for path in paths:
        response = await ingress.http.get(f"/dashboard{path}")
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for tag, attributes in Tags(response.text).tags:
            assert tag != "style"
            assert tag != "script" or attributes["src"]
            assert not {name for name in attributes if name == "style" or name.startswith("on")}


async def test_texts_of_receipts_and_users_are_escaped(ingress: IngressClient) -> None:
    job_id = await succeeded(
        ingress, HOSTILE, tenant_id=HOSTILE, user_id=HOSTILE, request_id=HOSTILE
    )
    failed_id = await failed(ingress, HOSTILE, tenant_id=HOSTILE)
    note = await ingress.http.post(
        f"/dashboard/jobs/{job_id}/feedback",
        data={"rating": "thumbs_down", "note": HOSTILE},
        headers=SAME_SITE,
    )
    assert note.status_code == 303
    job = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers={"x-tenant-id": "x"})).json()
    assert job["code"] == "not_found"
    artifact = json.loads(
        (await ingress.http.get("/dashboard/artifacts.jsonl")).text.split("\n")[0]
    )
    for path in (
        "/jobs",
        f"/jobs/{job_id}",
        f"/jobs/{job_id}/watch",
        f"/jobs/{failed_id}",
        "/artifacts",
        f"/artifacts/{artifact['id']}",
        "/feedback",
        "/jobs?tenant=%3Cscript%3Ealert(1)%3C/script%3E",
    ):
        text = await html(ingress, f"/dashboard{path}")
        assert "&lt;script&gt;alert(1)" in text
        for tag, attributes in Tags(text).tags:
            assert "onerror" not in attributes
            assert tag != "script" or str(attributes["src"]).startswith("/dashboard/static/")


async def test_a_job_page_shows_the_result_the_attempts_and_the_actions(
    ingress: IngressClient,
) -> None:
    text = await html(ingress, f"/dashboard/jobs/{await succeeded(ingress)}")
    for expected in (
        "Corner Shop",
        "1.99 USD",
        "95 %",
        "Attempt 1",
        "which agrees with the total",
    ):
        assert expected in text
    assert 'points="0 0 9000 0 9000 500 0 500"' in text
    assert "Retry" not in text
    text = await html(ingress, f"/dashboard/jobs/{await failed(ingress)}")
    assert "The image is damaged." in text
    for useless in ("Retry", "Cancel", "Good result"):
        assert useless not in text
    assert "Retry" in await html(ingress, f"/dashboard/jobs/{await cancelled(ingress)}")
    text = await html(ingress, f"/dashboard/jobs/{await submitted(ingress)}")
    assert "data-live" in text
    assert "Cancel" in text


async def test_jobs_are_filtered_and_paged_by_key(ingress: IngressClient) -> None:
    failed_id = await failed(ingress, tenant_id="t2")
    ids = [await submitted(ingress, tenant_id="t1") for _ in range(60)]

    async def listed(query: str) -> list[str]:
        text = await html(ingress, f"/dashboard/jobs?{query}")
        links = [str(attributes.get("href")) for tag, attributes in Tags(text).tags if tag == "a"]
        return [link.rpartition("/")[2] for link in links if "/jobs/job_" in link]

    assert await listed("") == ids[:9:-1]
    assert await listed(f"before={ids[10]}") == [*ids[9::-1], failed_id]
    assert await listed("tenant=t2") == [failed_id]
    assert await listed("state=failed") == [failed_id]
    assert await listed("feature=receipt_extraction&state=failed&tenant=t2") == [failed_id]
    assert await listed("feature=receipt_extraction&tenant=t2") == [failed_id]
    assert await listed("feature=meal_optimization") == []
    assert await listed("since=2200-01-01T00:00") == []
    assert await listed("until=2200-01-01T00:00&state=failed") == [failed_id]
    soon = datetime.now(UTC) + timedelta(hours=1)
    elsewhere = soon.astimezone(timezone(timedelta(hours=5))).isoformat()
    assert await listed(urlencode({"since": elsewhere, "state": "failed"})) == []
    assert await listed(urlencode({"until": elsewhere, "state": "failed"})) == [failed_id]
    earlier = (soon - timedelta(hours=2)).astimezone(timezone(timedelta(hours=5))).isoformat()
    assert await listed(urlencode({"since": earlier, "state": "failed"})) == [failed_id]
    assert await listed(f"q={ids[3]}") == [ids[3]]
    assert await listed("q=t2") == [failed_id]
    assert await listed("q=nothing") == []
    for query in ("state=odd", "since=yesterday"):
        assert (await ingress.http.get(f"/dashboard/jobs?{query}")).status_code == 400


async def test_a_failed_job_is_retried_and_a_queued_one_cancelled(ingress: IngressClient) -> None:
    job_id = await failed(ingress)
    for action, state in (("retry", "queued"), ("cancel", "cancelled")):
        response = await ingress.http.post(f"/dashboard/jobs/{job_id}/{action}", headers=SAME_SITE)
        assert (response.status_code, response.headers["location"]) == (
            303,
            f"/dashboard/jobs/{job_id}",
        )
        assert (await ingress.queue.get("t1", job_id)).status == state
    again = await ingress.http.post(f"/dashboard/jobs/{job_id}/cancel", headers=SAME_SITE)
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
async def test_forms_of_other_sites_are_refused(
    ingress: IngressClient, headers: dict[str, str]
) -> None:
    job_id = await submitted(ingress)
    response = await ingress.http.post(f"/dashboard/jobs/{job_id}/cancel", headers=headers)
    assert response.status_code == 400
    assert "cross_site" in response.text
    assert (await ingress.queue.get("t1", job_id)).status == "queued"


async def test_feedback_is_stored_shown_and_exported(ingress: IngressClient) -> None:
    job_id = await succeeded(ingress)
    await ingress.http.post(
        f"/dashboard/jobs/{job_id}/feedback",
        data={"rating": "thumbs_up", "note": "all right"},
        headers=SAME_SITE,
    )
    assert "all right" in await html(ingress, f"/dashboard/jobs/{job_id}")
    assert "all right" in await html(ingress, "/dashboard/feedback?rating=thumbs_up")
    assert "all right" not in await html(ingress, "/dashboard/feedback?rating=thumbs_down")
    lines = (await ingress.http.get("/dashboard/feedback.jsonl?tenant=t1")).text.splitlines()
    assert [json.loads(line)["note"] for line in lines] == ["all right"]
    invalid = await ingress.http.post(
        f"/dashboard/jobs/{job_id}/feedback", data={"rating": "so so"}, headers=SAME_SITE
    )
    assert invalid.status_code == 422


async def test_artifacts_are_filtered_and_exported(ingress: IngressClient) -> None:
    good_id, bad_id = await succeeded(ingress), await failed(ingress, tenant_id="t2")
    for query, expected in (
        ("", [good_id, bad_id]),
        ("outcome=error", [bad_id]),
        ("tenant=t1", [good_id]),
    ):
        text = (await ingress.http.get(f"/dashboard/artifacts.jsonl?{query}")).text
        assert [json.loads(line)["job_id"] for line in text.splitlines()] == expected
        page = await html(ingress, f"/dashboard/artifacts?{query}")
        assert [job_id for job_id in (good_id, bad_id) if job_id in page] == expected


async def test_a_live_job_sends_its_last_state_and_ends(ingress: IngressClient) -> None:
    response = await ingress.http.get(f"/dashboard/jobs/{await succeeded(ingress)}/live")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.count("event: part\n") == 1
    assert response.text.endswith("event: end\ndata:\n\n")


async def test_missing_objects_are_an_error_page(ingress: IngressClient) -> None:
    for path in ("/jobs/job_0", "/artifacts/art_0", "/static/none.js", "/jobs/job_0/live"):
        response = await ingress.http.get(f"/dashboard{path}")
        assert response.status_code == 404
        assert "<h1>There is no such" in response.text


async def test_without_a_database_the_overview_shows_what_is_down(settings: Settings) -> None:
    async with serve_ingress(settings, migrated=False) as ingress:
        text = " ".join((await html(ingress, "/dashboard")).split())
        assert "parts is down" in text
        assert "The database does not respond" in text
        assert (await ingress.http.get("/dashboard/jobs")).status_code == 503


async def test_the_list_shows_what_was_read_and_finds_it_by_its_merchant(
    ingress: IngressClient,
) -> None:
    job_id = await submitted(ingress, request_id="req-7")
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    result = JobResult(
        output=output("Corner Shop"), model_id="m", model_version="7", merchant="Corner Shop"
    )
    await ingress.claims.succeed(claimed, result)
    for query in ("", "q=corner", "q=req-7", "q=CORNER+SHOP&state=succeeded"):
        page = await html(ingress, f"/dashboard/jobs?{query}")
        for expected in ("Corner Shop", "1.99 USD", "2026-01-10, 2 lines", job_id):
            assert expected in page
    assert job_id not in await html(ingress, "/dashboard/jobs?q=corner%25x")
    assert job_id not in await html(ingress, "/dashboard/jobs?q=corner&state=failed")


async def test_the_tabs_count_the_jobs_of_each_state(ingress: IngressClient) -> None:
    await succeeded(ingress)
    for _ in range(2):
        await failed(ingress, tenant_id="t2")
    page = " ".join((await html(ingress, "/dashboard/jobs")).split())
    assert 'Failed <span class="count">2</span>' in page
    assert 'Succeeded <span class="count">1</span>' in page
    page = " ".join((await html(ingress, "/dashboard/jobs?tenant=t1&state=succeeded")).split())
    assert 'Failed <span class="count">0</span>' in page
    assert 'href="/dashboard/jobs?tenant=t1&amp;state=failed"' in page


async def test_selected_jobs_are_cancelled_or_retried_and_others_stay(
    ingress: IngressClient,
) -> None:
    done = await succeeded(ingress)
    waiting = [await submitted(ingress) for _ in range(2)]
    for action, status in (("cancel", "cancelled"), ("retry", "queued")):
        response = await ingress.http.post(
            "/dashboard/jobs?tenant=t1",
            data={"action": action, "job": [done, "job_gone", *waiting]},
            headers=SAME_SITE,
        )
        assert response.status_code == 303
        assert response.headers["location"] == "/dashboard/jobs?tenant=t1"
        assert [(await ingress.queue.get("t1", one)).status for one in waiting] == [status] * 2
    assert (await ingress.queue.get("t1", done)).status == "succeeded"


@pytest.mark.parametrize("page", ["jobs", "artifacts", "artifacts.jsonl", "feedback"])
async def test_an_unknown_filter_is_refused_and_the_known_ones_named(
    ingress: IngressClient, page: str
) -> None:
    response = await ingress.http.get(f"/dashboard/{page}?status=failed")
    assert response.status_code == 422
    assert "status is no filter of this list. Known are tenant" in response.text


async def test_a_browser_is_led_from_the_root_to_the_dashboard(ingress: IngressClient) -> None:
    browser = await ingress.http.get("/", headers={"accept": "text/html,*/*"})
    assert (browser.status_code, browser.headers["location"]) == (307, "/dashboard")
    client = await ingress.http.get("/", headers={"accept": "application/json"})
    assert (client.status_code, client.json()["code"]) == (404, "not_found")


async def test_a_plan_without_a_solution_is_not_shown_as_a_success(
    ingress: IngressClient,
) -> None:
    job_id = await submitted(ingress, feature="meal_optimization", input_payload={})
    [claimed] = await ingress.claims.claim(["meal_optimization"], 1)
    plan = {
        "status": "infeasible",
        "meal_plan": [],
        "shopping_list": [],
        "conflicts": ["Dinner on Monday has no recipe."],
    }
    await ingress.claims.succeed(claimed, JobResult(output=plan, model_id="z3", model_version="1"))
    for path in (f"/dashboard/jobs/{job_id}", "/dashboard/jobs"):
        page = await html(ingress, path)
        assert '<span class="state infeasible">infeasible</span>' in page
        assert '<span class="state succeeded">' not in page
    assert "Dinner on Monday has no recipe." in await html(ingress, f"/dashboard/jobs/{job_id}")


async def test_use_is_shown_by_tenant(ingress: IngressClient) -> None:
    assert "Nothing was used yet." in (await ingress.http.get("/dashboard/use")).text


async def test_a_tenants_name_stays_text_in_the_chart_of_use(ingress: IngressClient) -> None:
    await succeeded(ingress, tenant_id=HOSTILE)
    page = (await ingress.http.get("/dashboard/use")).text
    assert "<script>alert" not in page
    chart = next(attrs for _, attrs in Tags(page).tags if "data-chart" in attrs)
    [series] = json.loads(chart["data-chart"] or "")["series"]
    assert series["name"] == HOSTILE
    assert series["values"][-1] == 1
