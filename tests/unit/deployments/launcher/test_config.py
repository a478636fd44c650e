"""What is wrong with a configuration is said in a sentence, before anything is started."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.launcher.config import ConfigError, load_config

REPOSITORY = Path(__file__).parents[4]
CONFIGS = [REPOSITORY / "serve_config.yaml", *sorted(REPOSITORY.glob("deploy/serve_config.*.yaml"))]


def written(folder: Path, content: Any) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def ours() -> Any:
    return yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_what_is_delivered_is_right(path: Path) -> None:
    config = load_config(path, host="10.0.0.1")
    assert (config.host, config.port, config.max_requests_per_replica) == ("10.0.0.1", 8000, 250)
    assert config.serve["http_options"]["host"] == "10.0.0.1"


def test_where_it_listens_has_defaults(tmp_path: Path, ours: Any) -> None:
    del ours["http_options"]
    del ours["applications"][0]["args"]
    config = load_config(written(tmp_path, ours))
    assert (config.host, config.port) == ("127.0.0.1", 8000)


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
def test_something_else_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(ConfigError, match="not a configuration of this service"):
        load_config(written(tmp_path, content))


@pytest.mark.parametrize("name", ["max_ongoing_requests", "max_queued_requests"])
@pytest.mark.parametrize("bound", [None, 0, -1, "many", 2.5])
def test_an_ingress_without_bounds_is_refused(
    tmp_path: Path, ours: Any, name: str, bound: object
) -> None:
    ours["applications"][0]["deployments"][0][name] = bound
    with pytest.raises(ConfigError, match="max_queued_requests, both above 0"):
        load_config(written(tmp_path, ours))
    del ours["applications"][0]["deployments"][0][name]
    with pytest.raises(ConfigError, match="max_queued_requests, both above 0"):
        load_config(written(tmp_path, ours))


def test_places_that_are_all_for_health_are_refused(tmp_path: Path, ours: Any) -> None:
    ours["applications"][0]["deployments"][0]["max_queued_requests"] = 8
    with pytest.raises(ConfigError, match="8 requests at a time"):
        load_config(written(tmp_path, ours))


def test_a_wrong_setting_is_named(
    tmp_path: Path, ours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours["applications"][0]["args"] = {"poll_s": "often"}
    with pytest.raises(ConfigError, match="SIDECAR_QUEUE_POLL_INTERVAL_S: Input should be"):
        load_config(written(tmp_path, ours))
    monkeypatch.setenv("SIDECAR_TEXT_THREADS", "lots")
    ours["applications"][0]["args"] = {}
    with pytest.raises(ConfigError, match=r"SIDECAR_TEXT_THREADS: (?!.*lots)"):
        load_config(written(tmp_path, ours))


@pytest.mark.parametrize("arguments", [{"surprise": 1}, {1: 2}, ["poll_s"]])
def test_what_is_no_setting_is_refused(tmp_path: Path, ours: Any, arguments: object) -> None:
    ours["applications"][0]["args"] = arguments
    with pytest.raises(ConfigError, match="Wrong settings"):
        load_config(written(tmp_path, ours))


def test_a_file_that_is_no_yaml_or_not_there_is_refused(tmp_path: Path) -> None:
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
