"""The review desk in a real browser: what a person corrects, the next receipt has."""

import base64
import io
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.conftest import job_poller
from tests.acceptance.service import Service
from tests.acceptance.test_dashboard import browser, page

__all__ = ["browser", "page"]  # fixtures

TENANT = "review-desk"
LABELS = ["Dairy", "Bakery", "Household"]


def drawn(milk: str, total: str, date: str) -> bytes:
    """Return a picture of a receipt of one shop, which prints its goods in short."""
    lines = [
        ("GRUN VALEY GROCERS", ""),
        ("214 Orchard Street", ""),
        (f"{date}  14:32", ""),
        ("WHL MLK 1L", milk),
        ("BRD SRDGH", "4.25"),
        ("PPR TWLS", "6.50"),
        ("TOTAL", total),
        ("CASH", "20.00"),
    ]
    paper = Image.new("L", (620, 60 + 50 * len(lines)), 250)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(28)
    for number, (name, amount) in enumerate(lines):
        draw.text((40, 30 + 50 * number), name, 20, font)
        draw.text((580, 30 + 50 * number), amount, 20, font, anchor="ra")
    buffer = io.BytesIO()
    paper.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def read(client: httpx.Client, image: bytes, tenant: str = TENANT) -> Any:
    """Return the finished job of a receipt of the tenant."""
    payload = {
        "image_base64": base64.b64encode(image).decode(),
        "options": {"categorize": True, "candidate_labels": LABELS},
    }
    headers = {**client.headers, "x-tenant-id": tenant}
    with httpx.Client(base_url=client.base_url, headers=headers, timeout=60) as own:
        body = {"feature": "receipt_extraction", "payload": payload}
        job_id = own.post("/api/v1/jobs", json=body).json()["id"]
        return job_poller(own)(job_id)


def line(page: Page, number: int, field: str) -> Any:
    return page.locator(".line").nth(number).locator(f"[name={field}]")


def test_the_next_receipt_of_the_shop_has_what_was_corrected(
    page: Page, client: httpx.Client
) -> None:
    job = read(client, drawn("2.49", "13.24", "2026-01-10"))
    assert [one["parsed_name"] for one in job["output_payload"]["line_items"]] == [
        "WHL MLK 1L",
        "BRD SRDGH",
        "PPR TWLS",
    ]
    page.goto(f"/dashboard/review/{job['id']}?tenant={TENANT}")
    page.get_by_label("Merchant").fill("Green Valley Grocers")
    line(page, 0, "name").fill("Whole milk")
    line(page, 1, "name").fill("Sourdough bread")
    shown = line(page, 2, "category").input_value()
    category = next(label for label in LABELS if label != shown)
    line(page, 2, "category").fill(category)
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()

    later = read(client, drawn("2.99", "13.74", "2026-01-17"))
    output = later["output_payload"]
    assert output["merchant"] == "Green Valley Grocers"
    names = [one["parsed_name"] for one in output["line_items"]]
    assert names == ["Whole milk", "Sourdough bread", "PPR TWLS"]
    towels = output["line_items"][2]
    assert (towels["category"], towels["category_source"]) == (category, "correction")
    page.goto(f"/dashboard/review/{later['id']}")
    expect(page.get_by_text("its name and 2 lines")).to_be_visible()

    other = read(client, drawn("2.99", "13.74", "2026-01-17"), tenant="another")
    assert "corrections" not in other["output_payload"]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_queue_is_emptied_by_keyboard_alone(
    browser: Browser,
    service: Service,
    client: httpx.Client,
    width: int,
    scheme: Any,
) -> None:
    tenant = f"keyboard-{width}-{scheme}"
    for _ in range(2):  # the sum is wrong
        job = read(client, drawn("2.49", "19.99", "2026-01-10"), tenant)
        assert job["review"] == "pending"
    context = browser.new_context(
        base_url=service.url,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    page = context.new_page()
    page.goto(f"/dashboard/review?tenant={tenant}")
    assert Axe().run(page).response["violations"] == []
    start = page.get_by_role("link", name="Start with the oldest")
    start.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Lines")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.activeElement.closest('.unsure') !== null")
    page.get_by_label("Total", exact=False).last.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("13.24")
    expect(page.locator("#sum")).to_have_text("The lines come to the total, 13.24.")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="Nothing to review")).to_be_visible()
    jobs = client.get("/api/v1/jobs", headers={"x-tenant-id": tenant}).json()["jobs"]
    assert {job["review"] for job in jobs} == {"corrected", "confirmed"}
    context.close()
