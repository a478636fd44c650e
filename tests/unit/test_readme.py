"""The pages say what the code does: every setting, and every error on the wire."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.core import errors

REPOSITORY = Path(__file__).parents[2]
PAGES = (REPOSITORY / "README.md").read_text() + (REPOSITORY / "docs" / "api.md").read_text()


def test_the_page_of_settings_is_generated_from_them() -> None:
    generate = [sys.executable, "docs/generate.py", "--check"]
    run = subprocess.run(generate, cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("code", sorted(errors.CODES))
def test_each_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in PAGES
