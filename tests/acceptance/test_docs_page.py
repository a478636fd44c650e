"""The documentation page in a browser that reaches no other host."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.browser import chromium
from tests.acceptance.service import Service


@pytest.fixture
def offline_browser() -> Iterator[Browser]:
    """Chromium that resolves no name."""
    with chromium("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        yield browser


def test_the_page_shows_every_endpoint_and_asks_no_other_host(
    service: Service, offline_browser: Browser
) -> None:
    page = offline_browser.new_page()
    hosts: set[str] = set()
    problems: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda entry: problems.append(entry.text) if entry.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{service.url}/docs")
    expect(page.get_by_text("Extract a receipt", exact=True)).to_be_visible(timeout=30_000)
    page.get_by_text("Embed texts, as OpenAI does").click()
    expect(page.get_by_role("button", name="Try it out")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert problems == []
    assert hosts <= {urlsplit(service.url).netloc, ""}
