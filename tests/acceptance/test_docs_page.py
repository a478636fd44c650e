"""The documentation page in a browser that reaches no other host."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.acceptance.service import Service
from tests.acceptance.test_dashboard import CHROMIUM, FLAGS


@pytest.fixture
def offline_browser() -> Iterator[Browser]:
    """Chromium that resolves no name."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed; `make test` installs Debian's where it can")
        pytest.skip("chromium is not installed, and could not be: that needs apt-get and root")
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, rules])
        yield browser
        browser.close()


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
