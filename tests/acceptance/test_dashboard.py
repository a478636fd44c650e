"""The operator's dashboard in a real browser: Debian's Chromium, driven by Playwright."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.browser import chromium
from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import Service

pytestmark = pytest.mark.both_databases

HOSTILE = "<script>document.title='taken'</script>"
TIMEOUT_MS = 60_000  # for reading a receipt on a busy machine


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """A new browser window; the test fails if its console shows an error."""
    context = browser.new_context(base_url=service.url)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda entry: problems.append(entry.text) if entry.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert problems == []


def submit(client: httpx.Client, image: bytes, **more: Any) -> str:
    response = client.post(
        "/api/v1/jobs",
        json={
            "feature": "receipt_extraction",
            "payload": {"image_base64": base64.b64encode(image).decode()},
            **more,
        },
    )
    return str(response.json()["id"])


def test_a_photo_is_read_with_live_progress(page: Page) -> None:
    page.goto("/dashboard/try")
    page.set_input_files("#photo", SAMPLE)
    reading = page.locator("#reading")
    expect(reading.locator(".timeline")).to_be_visible()
    expect(reading.get_by_role("rowheader", name="SOURDOUGH BREAD")).to_be_visible(
        timeout=TIMEOUT_MS
    )
    expect(reading.locator("tbody tr")).to_have_count(8)
    expect(reading.get_by_text("which agrees with the total")).to_be_visible()
    assert reading.locator(".scan polygon").count() > 20
    expect(reading.locator(".scan img")).to_have_js_property("complete", True)
    box = reading.locator(".scan polygon").filter(has_text="SOURDOUGH BREAD").bounding_box()
    image = reading.locator(".scan img").bounding_box()
    assert box is not None
    assert image is not None
    assert 0.25 < (box["y"] - image["y"]) / image["height"] < 0.45, "the box lies on its line"


def test_names_are_categorized(page: Page) -> None:
    page.goto("/dashboard/try")
    page.get_by_role("button", name="Categorize").click()
    row = page.locator("#categories tr").filter(has_text="sourdough bread")
    expect(row.get_by_role("cell").nth(1)).to_have_text("Bakery", timeout=TIMEOUT_MS)


def test_a_foreign_list_is_categorized_and_the_hint_settles_a_shared_word(page: Page) -> None:
    page.goto("/dashboard/try")
    page.get_by_label("Names, one per line").fill("Kartoffeln\nHähnchenbrustfilet\npan\nмолоко")
    page.get_by_label("Categories, separated by commas").fill(
        "Obst und Gemüse, Fleisch, Brot, Milchprodukte, Haushalt"
    )
    page.get_by_label("Language of names").fill("es")
    page.get_by_role("button", name="Categorize").click()
    for name, category in (
        ("Kartoffeln", "Obst und Gemüse"),
        ("Hähnchenbrustfilet", "Fleisch"),
        ("pan", "Brot"),  # in English, a thing for the kitchen
        ("молоко", "Milchprodukte"),
    ):
        row = page.locator("#categories tr").filter(has_text=name)
        expect(row.get_by_role("cell").nth(1)).to_have_text(category, timeout=TIMEOUT_MS)


def test_meals_are_planned(page: Page) -> None:
    page.goto("/dashboard/try")
    page.get_by_role("button", name="Plan").click()
    expect(page.locator("#planned").get_by_role("cell", name="Spinach frittata")).to_be_visible(
        timeout=TIMEOUT_MS
    )


def test_a_job_goes_from_queued_to_succeeded_without_a_reload(
    page: Page, client: httpx.Client
) -> None:
    for number in range(10):  # enough that the last one waits
        job_id = submit(client, SAMPLE.read_bytes(), user_id=f"u{number}")
    page.goto(f"/dashboard/jobs/{job_id}")
    page.evaluate("window.sameDocument = true")
    state = page.locator("#job .heading .state")
    expect(state).to_have_text("queued")
    expect(state).to_have_text("succeeded", timeout=TIMEOUT_MS)
    expect(page.locator("#job dd").filter(has_text="GREEN VALLEY MARKET")).to_be_visible()
    assert page.evaluate("window.sameDocument")


def test_the_overview_updates_itself(page: Page) -> None:
    page.goto("/dashboard")
    expect(page.get_by_role("heading", name=re.compile("parts are ready"))).to_be_visible()
    stamp = page.locator(".stamp")
    before = stamp.inner_text()
    expect(stamp).not_to_have_text(before, timeout=TIMEOUT_MS)
    expect(page.get_by_role("rowheader", name="Ingress")).to_be_visible()


def test_a_failed_job_is_found(page: Page, client: httpx.Client, wait_for_job: Any) -> None:
    job_id = submit(client, b"\xff\xd8\xff\xe0 this is no image", user_id="broken")
    assert wait_for_job(job_id)["status"] == "failed"
    page.goto("/dashboard/jobs")
    page.get_by_label("Tenant").fill("acceptance")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name=re.compile("^Failed")).click()
    page.wait_for_url("**state=failed**")
    assert set(page.locator("tbody .state").all_inner_texts()) == {"failed"}
    page.locator(f"a[href$='{job_id}']").click()
    expect(page.get_by_text("The image is damaged").first).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)


def test_artifacts_and_feedback_are_filtered_and_exported(
    page: Page, client: httpx.Client, wait_for_job: Any
) -> None:
    job = wait_for_job(submit(client, SAMPLE.read_bytes()))
    page.goto(f"/dashboard/jobs/{job['id']}")
    page.get_by_label("Note").fill("well read")
    page.get_by_role("button", name="Good result").click()
    expect(page.locator(".feedback")).to_contain_text("well read")
    for name, key, value in (
        ("artifacts", "id", job["artifact_id"]),
        ("feedback", "note", "well read"),
    ):
        page.goto(f"/dashboard/{name}?tenant=acceptance")
        with page.expect_download() as download:
            page.get_by_role("link", name="Export as JSONL").click()
        lines = download.value.path().read_text().splitlines()
        assert value in [json.loads(line)[key] for line in lines]


def test_markup_in_user_texts_is_escaped(
    page: Page, client: httpx.Client, wait_for_job: Any
) -> None:
    job_id = submit(client, SAMPLE.read_bytes(), user_id=HOSTILE)
    wait_for_job(job_id)
    page.goto(f"/dashboard/jobs/{job_id}")
    page.get_by_label("Note").fill(HOSTILE)
    page.get_by_role("button", name="Bad result").click()
    expect(page.locator(".feedback")).to_contain_text(HOSTILE)
    page.goto("/dashboard/feedback")
    expect(page.locator("tbody")).to_contain_text(HOSTILE)
    assert page.title() == "Feedback · Grocery side-car"


def test_a_chat_response_is_streamed(page: Page, engine: Service) -> None:
    page.goto("/dashboard/try")
    page.get_by_label("Message").fill("What is the capital of France?")
    page.evaluate(
        """() => {
          const answer = document.getElementById("answer");
          const lengths = new Set();
          new MutationObserver(() => {
            lengths.add(answer.textContent.length);
            answer.dataset.lengths = lengths.size;
          }).observe(answer, { subtree: true, childList: true, characterData: true });
        }"""
    )
    page.get_by_role("button", name="Send").click()
    # What it says is drawn at random; an error would be there in one piece.
    several = re.compile(r"^([6-9]|\d\d+)$")
    expect(page.locator("#answer")).to_have_attribute("data-lengths", several, timeout=TIMEOUT_MS)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_an_accessibility_violation(
    page: Page, client: httpx.Client, wait_for_job: Any, scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    job_id = submit(client, SAMPLE.read_bytes())
    artifact_id = wait_for_job(job_id)["artifact_id"]
    for path in (
        "",
        "/jobs",
        "/jobs?sort=longest",
        f"/jobs/{job_id}",
        "/review",
        f"/review/{job_id}",
        "/try",
        "/use",
        "/artifacts",
        f"/artifacts/{artifact_id}",
        "/feedback",
    ):
        page.goto(f"/dashboard{path}")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 21, 18)"
        assert dark == (scheme == "dark")
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        violations = [
            (violation["id"], [node["html"] for node in violation["nodes"]])
            for violation in Axe().run(page).response["violations"]
        ]
        assert violations == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


#: JavaScript: the sections that have no space between them and the next one.
TOUCHING = """
  [...document.querySelectorAll("main section")].filter((section) => {
    const next = section.nextElementSibling?.getBoundingClientRect();
    const own = section.getBoundingClientRect();
    return next && next.top < own.bottom + 8 && next.left < own.right + 8;
  }).map((section) => section.outerHTML)
"""


def test_pages_fit_a_phone_and_support_the_keyboard(
    browser: Browser, service: Service, client: httpx.Client, wait_for_job: Any
) -> None:
    job_id = submit(client, SAMPLE.read_bytes())
    wait_for_job(job_id)
    page = browser.new_page(base_url=service.url, viewport={"width": 375, "height": 812})
    for path in ("", "/jobs", f"/jobs/{job_id}", "/try", "/artifacts", "/feedback"):
        page.goto(f"/dashboard{path}")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 375, path
        assert page.evaluate(TOUCHING) == [], path
    page.goto("/dashboard")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.close()
