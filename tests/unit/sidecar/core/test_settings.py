"""Settings come from the environment and from the application's arguments."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sidecar.core.settings import Settings


def test_an_argument_beats_the_environment_and_the_environment_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RUNNING_JOBS", "3")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    # As Ray Serve makes it from serve_config.yaml.
    settings = Settings.model_validate({"running_jobs": 4})
    assert (settings.running_jobs, settings.data_dir) == (4, tmp_path)
    assert Settings().running_jobs == 3
    assert Settings().lease_s == 30


def test_a_misspelt_argument_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"data_folder": "x"})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_postgresql_url_gets_its_driver(scheme: str) -> None:
    settings = Settings(database_url=f"{scheme}://user:pw@db/name")
    assert settings.resolved_database_url == "postgresql+asyncpg://user:pw@db/name"


def test_the_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.resolved_database_url == f"sqlite+aiosqlite:///{tmp_path}/service.db"


def test_address_ranges_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL_ALLOWED_NETWORKS", "10.1.2.0/24, fd00::/8")
    assert Settings().url_allowed_networks == ("10.1.2.0/24", "fd00::/8")
