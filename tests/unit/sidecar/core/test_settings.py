"""Settings come from the environment and from the application's arguments."""

import os
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from sidecar.core.renamed_settings import RENAMED, old_names_in
from sidecar.core.settings import Settings, env_names


def test_an_argument_beats_the_environment_and_the_environment_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIDECAR_JOB_CONCURRENCY", "3")
    monkeypatch.setenv("SIDECAR_DATA_DIR", str(tmp_path))
    # As Ray Serve creates it from serve_config.yaml.
    settings = Settings.model_validate({"job": {"concurrency": 4}})
    assert (settings.job.concurrency, settings.data_dir) == (4, tmp_path)
    assert Settings().job.concurrency == 3
    assert Settings().job.lease_s == 30


@pytest.mark.parametrize("misspelled", [{"data_folder": "x"}, {"engine": {"sees": True}}])
def test_a_misspelled_argument_is_refused(misspelled: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(misspelled)


@pytest.mark.parametrize(("variable", "dotted"), env_names().items())
def test_each_setting_reads_its_environment_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, dotted: str
) -> None:
    """The variable is read: a text setting takes the word, any other refuses it."""
    monkeypatch.setenv(variable, "snowman")
    if isinstance(attrgetter(dotted)(Settings.model_construct()), str | Path | tuple | None):
        refusal = suppress(ValidationError)  # a choice of several words, or a token
    else:
        refusal = pytest.raises((ValidationError, SettingsError), match=dotted.split(".")[0])
    with refusal:
        assert "snowman" in str(attrgetter(dotted)(Settings()))


def test_every_setting_of_the_last_release_still_exists() -> None:
    assert len(RENAMED) == 68
    assert set(RENAMED.values()) <= set(env_names().values())


@pytest.mark.parametrize(("old", "dotted"), RENAMED.items())
def test_a_name_of_the_last_release_still_works(old: str, dotted: str) -> None:
    default = attrgetter(dotted)(Settings())
    assert attrgetter(dotted)(Settings.model_validate({old: default})) == default


def test_variables_of_the_last_release_still_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNING_JOBS", "3")
    monkeypatch.setenv("ENGINE_ARGUMENTS", '{"seed": 1}')
    monkeypatch.setenv("FAST_PROXY", "false")
    settings = Settings()
    assert settings.job.concurrency == 3
    assert settings.engine.arguments == {"seed": 1}
    assert settings.haproxy is False
    assert old_names_in(os.environ) == {
        "RUNNING_JOBS": "SIDECAR_JOB_CONCURRENCY",
        "ENGINE_ARGUMENTS": "SIDECAR_ENGINE_ARGUMENTS",
        "FAST_PROXY": "SIDECAR_HAPROXY",
    }


def test_old_and_new_names_mix_and_the_new_one_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE", "off")
    monkeypatch.setenv("ENGINE_MAX_TOKENS", "7")
    monkeypatch.setenv("SIDECAR_ENGINE_MAX_TOKENS", "8")
    settings = Settings.model_validate({"engine": {"threads": 2}, "engine_max_images": 1})
    engine = settings.engine
    assert (engine.mode, engine.max_tokens, engine.threads, engine.max_images) == ("off", 8, 2, 1)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_postgresql_url_gets_the_asyncpg_driver(scheme: str) -> None:
    settings = Settings(database_url=f"{scheme}://user:pw@db/name")
    assert settings.resolved_database_url == "postgresql+asyncpg://user:pw@db/name"


def test_the_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.resolved_database_url == f"sqlite+aiosqlite:///{tmp_path}/service.db"


LISTS = {
    "ssrf_allowed_networks": ("10.1.2.0/24", "fd00::/8"),
    "allowed_hosts": ("food.example", ".shop.example"),
    "api_tokens": ("0123456789abcdef", "fedcba9876543210"),
    "webhook.secret": (f"whsec_{'A' * 32}", f"whsec_{'B' * 32}"),
}


def test_these_settings_are_lists() -> None:
    defaults = Settings.model_construct()
    lists = {name for name in env_names().values() if attrgetter(name)(defaults) == ()}
    assert lists == set(LISTS)


@pytest.mark.parametrize(("dotted", "values"), LISTS.items())
def test_variables_of_lists_are_separated_by_commas(
    monkeypatch: pytest.MonkeyPatch, dotted: str, values: tuple[str, ...]
) -> None:
    [variable] = [variable for variable, name in env_names().items() if name == dotted]
    monkeypatch.setenv(variable, ", ".join(values))
    read = attrgetter(dotted)(Settings())
    assert values == tuple(
        value.get_secret_value() if isinstance(value, SecretStr) else value for value in read
    )
