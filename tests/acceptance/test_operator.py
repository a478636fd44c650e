"""What an operator does on the dashboard in a real browser: pauses, orders, charts; on a phone."""

import re
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import Service
from tests.acceptance.test_dashboard import TIMEOUT_MS, browser, page, submit

__all__ = ["browser", "page"]  # fixtures

RICE = {"ingredient_id": "rice", "name": "Rice", "quantity": 200, "unit": "g"}
RECIPE = {
    "id": "bowl",
    "name": "Rice bowl",
    "prep_time": 5,
    "cook_time": 40,
    "ingredients": [RICE],
}
HORIZON = {"start_date": "2026-01-12", "days": 1, "meal_types": ["dinner"]}
#: The dinner that is fixed takes longer than there is time.
INFEASIBLE = {
    "planning_horizon": HORIZON,
    "inventory": [],
    "recipes": [RECIPE],
    "constraints": {
        "locked_meals": [{"date": "2026-01-12", "recipe_id": "bowl"}],
        "time_budgets": {"2026-01-12": 20},
    },
}


def test_a_queue_is_paused_and_resumed(page: Page, client: httpx.Client, wait_for_job: Any) -> None:
    page.goto("/dashboard")
    page.get_by_role("button", name="Pause Embedding batch").click()
    expect(page.get_by_text("New jobs wait; those that run go on.")).to_be_visible()
    try:
        texts = [{"id": "a", "text": "milk"}]
        body = {"feature": "embedding_batch", "payload": {"texts": texts}}
        job_id = client.post("/api/v1/jobs", json=body).json()["id"]
        later = client.post(
            "/api/v1/jobs",
            json={
                **body,
                "feature": "categorization_batch",
                "payload": {"items": [{"id": 1, "name": "milk"}]},
            },
        ).json()["id"]
        assert wait_for_job(later)["status"] == "succeeded", "other queues go on"
        assert client.get(f"/api/v1/jobs/{job_id}").json()["status"] == "queued"
        page.goto(f"/dashboard/jobs/{job_id}")
        expect(page.get_by_text("This queue is paused")).to_be_visible()
        page.get_by_role("link", name="resume").click()
    finally:
        page.goto("/dashboard")
        page.get_by_role("button", name="Resume Embedding batch").click()
    expect(page.get_by_role("button", name="Pause Embedding batch")).to_be_visible()
    assert wait_for_job(job_id)["status"] == "succeeded"


def test_a_tenant_pauses_nothing(client: httpx.Client) -> None:
    response = client.post("/api/v1/queues/embedding_batch/pause")
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


def test_a_list_without_its_filter_is_refused(client: httpx.Client) -> None:
    response = client.get("/api/v1/jobs?state=failed")
    assert response.status_code == 422
    assert "status" in response.json()["error"], "the known ones are named"


def test_a_plan_that_cannot_be_is_no_success(
    page: Page, client: httpx.Client, wait_for_job: Any
) -> None:
    body = {"feature": "meal_optimization", "payload": INFEASIBLE}
    job = wait_for_job(client.post("/api/v1/jobs", json=body).json()["id"])
    assert job["output_payload"]["status"] == "infeasible"
    page.goto(f"/dashboard/jobs/{job['id']}")
    expect(page.locator("#h-state .state")).to_have_text("infeasible")
    expect(page.get_by_text("No plan meets every constraint.")).to_be_visible()
    expect(page.get_by_text(job["output_payload"]["conflicts"][0]).first).to_be_visible()
    page.goto(f"/dashboard/jobs?q={job['id']}")
    assert page.locator("tbody .state").all_inner_texts() == ["infeasible"]


def test_the_list_is_ordered_by_its_headings(
    page: Page, client: httpx.Client, wait_for_job: Any
) -> None:
    for number in range(2):
        wait_for_job(submit(client, SAMPLE.read_bytes(), user_id=f"ordered-{number}"))
    page.goto("/dashboard/jobs")
    for direction in ("descending", "ascending"):
        page.get_by_role("link", name="Took", exact=True).click()
        heading = page.get_by_role("columnheader", name="Took")
        expect(heading).to_have_attribute("aria-sort", direction)
        expect(page.get_by_label("Order")).to_have_value(
            "longest" if direction == "descending" else "shortest"
        )
    assert page.locator("tbody tr").count() >= 2


def test_a_chart_says_its_values_by_keyboard_and_under_the_pointer(
    page: Page, client: httpx.Client, wait_for_job: Any
) -> None:
    wait_for_job(submit(client, SAMPLE.read_bytes(), user_id="charted"))
    page.goto("/dashboard?window=day")
    chart = page.locator("figure").filter(has=page.locator("#plot-throughput"))
    said = chart.locator(".values-at")
    page.locator("#plot-throughput").focus()
    page.keyboard.press("End")
    expect(said).to_have_text(re.compile(r"^just now: succeeded [1-9]"))
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text(re.compile(r"^30 min ago: "))
    stamp = page.locator(".stamp")
    before = stamp.inner_text()
    expect(stamp).not_to_have_text(before, timeout=TIMEOUT_MS)
    expect(page.locator("#plot-throughput")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(said).to_have_text(re.compile(r"^just now: "))
    page.goto("/dashboard/use")
    drawn = page.locator("#plot-tenants .u-over")
    box = drawn.bounding_box()
    assert box is not None
    drawn.hover(position={"x": box["width"] - 5, "y": 20})
    expect(page.locator(".values-at")).to_have_text(re.compile(r"^today: .*acceptance \d"))
    page.get_by_text("Values", exact=True).click()
    expect(page.get_by_role("rowheader", name="today")).to_be_visible()


def test_the_replicas_metrics_are_drawn(page: Page, client: httpx.Client) -> None:
    page.goto("/dashboard")
    for chart in ("utilization", "batches"):  # two samples are needed
        plot = page.locator(f"#plot-{chart} canvas")
        expect(plot).to_be_visible(timeout=2 * TIMEOUT_MS)
    client.post("/api/v1/categorize", json={"payload": {"item_name": "fresh oat milk"}})
    values = page.locator("figure").filter(has=page.locator("#plot-utilization"))
    values.get_by_text("Values", exact=True).click()
    expect(values.get_by_role("columnheader", name="Ingress")).to_be_visible()


def test_a_photograph_of_a_phones_camera_is_read_and_corrected(
    browser: Browser, service: Service
) -> None:
    context = browser.new_context(
        base_url=service.url, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    page.goto("/dashboard/try")
    expect(page.get_by_text("Take a photograph")).to_be_visible()
    assert page.locator("#camera").get_attribute("capture") == "environment"
    page.set_input_files("#camera", SAMPLE)
    page.get_by_role("link", name="Correct it").click(timeout=TIMEOUT_MS)
    page.get_by_label("Merchant").fill("Green Valley")
    with page.expect_navigation():
        page.get_by_role("button", name="Save").tap()
    page.goto("/dashboard/jobs?tenant=operator")
    expect(page.locator("tbody")).to_contain_text("corrected")
    page.goto("/dashboard/jobs")
    expect(page.get_by_label("Search")).to_be_hidden()
    page.locator("summary", has_text="Filter").tap()
    expect(page.get_by_label("Search")).to_be_visible()
    context.close()
