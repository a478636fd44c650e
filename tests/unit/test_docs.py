"""The documentation: its links resolve, and it covers every setting and every error code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.core import errors

REPOSITORY = Path(__file__).parents[2]
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "clients").glob("*/*.md")),
]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges derive them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked_from(page: Path) -> set[Path]:
    """Return the other files that a page links to."""
    files = {(page.parent / file).resolve() for file, _ in LINK.findall(page.read_text()) if file}
    return files - {page.resolve()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), file
        if anchor:
            assert anchor in anchors(target), f"{file}#{anchor}"


def test_every_page_is_linked_from_the_readme_or_from_another_page() -> None:
    linked = set().union(*map(linked_from, PAGES))
    assert {page.resolve() for page in PAGES[1:]} <= linked


def test_the_settings_page_is_generated_from_the_settings() -> None:
    generate = [sys.executable, "docs/generate.py", "--check"]
    run = subprocess.run(generate, cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("code", sorted(errors.CODES))
def test_each_error_code_is_documented(code: str) -> None:
    pages = (REPOSITORY / "README.md").read_text() + (REPOSITORY / "docs" / "api.md").read_text()
    assert f"`{code}`" in pages
