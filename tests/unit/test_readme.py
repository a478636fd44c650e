"""The README's configuration table is the settings model, and every wire error is in its table."""

from pathlib import Path

import pytest

from sidecar.core import errors
from sidecar.core.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_documented_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    default = "" if field.default in (None, "", ()) else f"`{field.default}`"
    assert f"| `{name.upper()}` | {default} | {field.description} |" in README


@pytest.mark.parametrize("code", sorted(errors.CODES))
def test_each_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in README
