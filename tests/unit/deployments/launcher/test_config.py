"""An invalid configuration is refused with a clear message before anything starts."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.launcher.config import ConfigError, load_config

REPOSITORY = Path(__file__).parents[4]
CONFIGS = [REPOSITORY / "serve_config.yaml", *sorted(REPOSITORY.glob("deploy/serve_config.*.yaml"))]


def write_config(folder: Path, content: Any) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def config() -> Any:
    return yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_the_delivered_configurations_are_valid(path: Path) -> None:
    config = load_config(path, host="10.0.0.1")
    assert (config.host, config.port, config.max_requests_per_replica) == ("10.0.0.1", 8000, 250)
    assert config.serve["http_options"]["host"] == "10.0.0.1"


def test_host_and_port_have_defaults(tmp_path: Path, config: Any) -> None:
    del config["http_options"]
    del config["applications"][0]["args"]
    loaded = load_config(write_config(tmp_path, config))
    assert (loaded.host, loaded.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "text",
        {},
        {"applications": None},
        {"applications": ["sidecar"]},
        {"applications": [{"name": "sidecar"}]},
        {"applications": [{"name": "sidecar", "deployments": [{"name": "Planner"}]}]},
        {"http_options": 1, "applications": [{"name": "sidecar", "deployments": []}]},
        {"http_options": {"port": "many"}, "applications": [{"name": "other"}]},
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ConfigError, match="not a configuration of this service"):
        load_config(write_config(tmp_path, content))


@pytest.mark.parametrize("name", ["max_ongoing_requests", "max_queued_requests"])
@pytest.mark.parametrize("limit", [None, 0, -1, "many", 2.5])
def test_an_ingress_without_limits_is_refused(
    tmp_path: Path, config: Any, name: str, limit: object
) -> None:
    config["applications"][0]["deployments"][0][name] = limit
    with pytest.raises(ConfigError, match="max_queued_requests, both above 0"):
        load_config(write_config(tmp_path, config))
    del config["applications"][0]["deployments"][0][name]
    with pytest.raises(ConfigError, match="max_queued_requests, both above 0"):
        load_config(write_config(tmp_path, config))


def test_a_limit_that_only_covers_health_checks_is_refused(tmp_path: Path, config: Any) -> None:
    config["applications"][0]["deployments"][0]["max_queued_requests"] = 8
    with pytest.raises(ConfigError, match="8 requests at a time"):
        load_config(write_config(tmp_path, config))


def test_an_invalid_setting_is_named_without_its_value(
    tmp_path: Path, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config["applications"][0]["args"] = {"poll_s": "often"}
    with pytest.raises(ConfigError, match="SIDECAR_QUEUE_POLL_INTERVAL_S: Input should be"):
        load_config(write_config(tmp_path, config))
    monkeypatch.setenv("SIDECAR_TEXT_THREADS", "lots")
    config["applications"][0]["args"] = {}
    with pytest.raises(ConfigError, match=r"SIDECAR_TEXT_THREADS: (?!.*lots)"):
        load_config(write_config(tmp_path, config))


@pytest.mark.parametrize("arguments", [{"surprise": 1}, {1: 2}, ["poll_s"]])
def test_an_unknown_setting_is_refused(tmp_path: Path, config: Any, arguments: object) -> None:
    config["applications"][0]["args"] = arguments
    with pytest.raises(ConfigError, match="Wrong settings"):
        load_config(write_config(tmp_path, config))


def test_a_missing_or_invalid_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path)
    (tmp_path / "broken.yaml").write_text("applications: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "broken.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "binary.yaml")
