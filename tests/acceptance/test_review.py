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
#: Without blanks and parentheses, which a PDF's texts would have to escape.
HOSTILE = "TEA<img/src=x/onerror=window.taken=true>TIN"


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


def hostile_pdf() -> bytes:
    """Return a PDF of two pages with texts, whose names are markup."""
    pages = [
        ["CORNER SHOP", "2026-01-10 14:32", f"{HOSTILE} 2.00", "BREAD 3.00"],
        ["MILK 2.49", "JAM 4.00", "TOTAL 11.49", "CASH 11.49"],
    ]
    bodies = []
    for lines in pages:
        shown = "".join(
            f"1 0 0 1 20 {360 - 24 * row} Tm ({text}) Tj " for row, text in enumerate(lines)
        )
        bodies.append(f"BT /F1 12 Tf {shown}ET".encode())
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [4 0 R 6 0 R] /Count 2 >>",
        font,
    ]
    for number, body in enumerate(bodies):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number),
            b"<< /Length %d >>\nstream\n%b\nendstream" % (len(body), body),
        ]
    pdf = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(pdf))
        pdf += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return pdf + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (size, table, size, len(pdf))
    )


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


def test_the_second_of_two_people_is_told_and_loses_nothing(
    browser: Browser, service: Service, client: httpx.Client
) -> None:
    job = read(client, drawn("2.49", "13.24", "2026-01-10"), "two-people")
    pages = []
    for merchant in ("Green Valley Grocers", "Grün Valley"):
        context = browser.new_context(base_url=service.url)
        page = context.new_page()
        page.goto(f"/dashboard/review/{job['id']}")
        page.get_by_label("Merchant").fill(merchant)
        pages.append(page)
    first, second = pages
    with first.expect_navigation():
        first.get_by_role("button", name="Save").click()
    second.get_by_role("button", name="Save").click()
    told = second.locator("#problem")
    expect(told).to_contain_text("Open it in a new tab")
    expect(second.get_by_label("Merchant")).to_have_value("Grün Valley")
    with second.context.expect_page() as opened:
        told.get_by_role("link").click()
    expect(opened.value.get_by_label("Merchant")).to_have_value("Green Valley Grocers")
    stored = client.get(f"/api/v1/jobs/{job['id']}", headers={"x-tenant-id": "two-people"}).json()
    assert stored["reviewed_payload"]["merchant"] == "Green Valley Grocers"
    for page in pages:
        page.context.close()


def test_a_hostile_receipt_of_two_pages_stays_text_in_every_field(
    page: Page, client: httpx.Client
) -> None:
    job = read(client, hostile_pdf(), "hostile")
    items = job["output_payload"]["line_items"]
    assert any("<img/src=x" in one["parsed_name"] for one in items), items
    page.on("dialog", lambda dialog: dialog.dismiss())
    for path in (f"/review/{job['id']}", f"/jobs/{job['id']}", "/jobs", "/review", "/use"):
        page.goto(f"/dashboard{path}")
        assert page.evaluate("window.taken") is None, path
        assert page.locator("main img[src='x'], main script").count() == 0, path
    page.goto(f"/dashboard/review/{job['id']}")
    names = [line(page, n, "name").input_value() for n in range(len(items))]
    assert names == [one["parsed_name"] for one in items]
    for picture in page.locator(".scan img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 100
    assert page.locator(".scan").count() == 2
    line(page, 0, "name").fill(HOSTILE)
    line(page, 0, "category").fill(HOSTILE)
    with page.expect_navigation():
        page.get_by_role("button", name="Save").click()
    page.goto(f"/dashboard/review/{job['id']}")
    assert line(page, 0, "name").input_value() == HOSTILE
    assert line(page, 0, "category").input_value() == HOSTILE
    assert page.evaluate("window.taken") is None
