"""The review pages over a real database."""

from typing import Any

import pytest

from jobs.queue.job import JobResult
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.dashboard.test_router import (
    HOSTILE,
    SAME_SITE,
    Tags,
    html,
    output,
    submitted,
    succeeded,
)


async def to_review(ingress: IngressClient, text: str = "Corner Shop", **more: Any) -> str:
    job_id = await submitted(ingress, **more)
    [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
    result = JobResult(output=output(text), model_id="m", model_version="7", needs_review=True)
    await ingress.claims.succeed(claimed, result)
    return job_id


async def save(ingress: IngressClient, job_id: str, query: str = "", **body: Any) -> Any:
    return await ingress.http.post(
        f"/dashboard/review/{job_id}{query}", json=body, headers=SAME_SITE
    )


async def test_the_queue_lists_pending_receipts_by_tenant_the_oldest_first(
    ingress: IngressClient,
) -> None:
    await succeeded(ingress)
    first, second = await to_review(ingress), await to_review(ingress, tenant_id="t2")
    page = await html(ingress, "/dashboard/review")
    assert "<h1>2 to review</h1>" in page
    assert 0 < page.index(f"/review/{first}") < page.index(f"/review/{second}")
    assert "1.99 USD" in page
    other = await html(ingress, "/dashboard/review?tenant=t2")
    assert first not in other
    assert f"/review/{second}?tenant=t2" in other
    assert "<b>2</b> to review" in await html(ingress, "/dashboard")


async def test_a_receipt_is_edited_in_inputs_with_its_texts_escaped(ingress: IngressClient) -> None:
    job_id = await to_review(ingress, HOSTILE)
    page = Tags(await html(ingress, f"/dashboard/review/{job_id}"))
    inputs = [attributes for tag, attributes in page.tags if tag == "input"]
    values = {str(one.get("name")): one.get("value") for one in reversed(inputs)}
    assert values["merchant"] == HOSTILE
    assert values["name"] == HOSTILE
    assert (values["total"], values["currency"], values["date"]) == ("1.99", "", "2026-01-10")
    assert not [tag for tag, attributes in page.tags if tag == "img" and "onerror" in attributes]
    assert [tag for tag, _ in page.tags].count("script") == 2


async def test_saving_goes_on_to_the_next_receipt_of_the_same_tenant(
    ingress: IngressClient,
) -> None:
    first = await to_review(ingress)
    other = await to_review(ingress, tenant_id="t2")
    last = await to_review(ingress)
    response = await save(ingress, first, "?tenant=t1", rating="thumbs_up")
    assert response.json() == {"next": f"/dashboard/review/{last}?tenant=t1"}
    assert (await save(ingress, last, "?tenant=t1", rating="thumbs_up")).json() == {
        "next": "/dashboard/review?tenant=t1"
    }
    assert f"/review/{other}" in await html(ingress, "/dashboard/review")


async def test_a_correction_is_shown_again_and_a_second_one_is_told(
    ingress: IngressClient,
) -> None:
    job_id = await to_review(ingress)
    correction = {
        "merchant": "Green Valley",
        "line_items": [{"line": 0, "name": "Milk"}, {"name": "Bread", "total_price": "2.00"}],
    }
    body = {"rating": "thumbs_down", "based_on": None, "user_id": "Ann", "correction": correction}
    assert (await save(ingress, job_id, **body)).status_code == 200
    page = await html(ingress, f"/dashboard/review/{job_id}")
    for text in ('value="Green Valley"', 'value="Milk"', 'value="Bread"', "by Ann"):
        assert text in page
    assert "The line items" not in page
    job = (await ingress.http.get(f"/api/v1/jobs/{job_id}", headers={"x-tenant-id": "t1"})).json()
    assert job["output_payload"]["merchant"] == "Corner Shop"
    assert job["reviewed_payload"]["merchant"] == "Green Valley"
    assert [one["name"] for one in job["reviewed_payload"]["items"]] == ["Milk", "Bread"]
    conflict = await save(ingress, job_id, **body)
    assert (conflict.status_code, conflict.json()["code"]) == (409, "conflict")
    assert "Ann corrected" in conflict.json()["error"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"[]", "object"),
        (b"{", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"rating": "so so"}', "rating"),
        (b'{"rating": "thumbs_up", "correction": {"line_items": [{"line": 9}]}}', "2 line items"),
    ],
)
async def test_what_can_not_be_saved_is_said(
    ingress: IngressClient, body: bytes, word: str
) -> None:
    job_id = await to_review(ingress)
    path = f"/dashboard/review/{job_id}"
    response = await ingress.http.post(path, content=body[:15_000], headers=SAME_SITE)
    assert response.status_code == 422
    assert word in response.json()["error"]


async def test_only_receipts_that_were_read_are_reviewed(ingress: IngressClient) -> None:
    job_id = await submitted(ingress)
    for path in (job_id, "job_0"):
        assert (await ingress.http.get(f"/dashboard/review/{path}")).status_code == 404
    foreign = await ingress.http.post(f"/dashboard/review/{job_id}", json={"rating": "thumbs_up"})
    assert foreign.status_code == 400
