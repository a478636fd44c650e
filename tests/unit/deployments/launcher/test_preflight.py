"""What would keep the service from working is said in a sentence before anything starts."""

import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.launcher.config import LauncherConfig, load_config
from deployments.launcher.ports import free_port
from deployments.launcher.preflight import problem

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def write(folder: Path, *, port: int | None = None, **args: Any) -> Path:
    serve = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    serve["http_options"]["port"] = port or free_port()
    for application in serve["applications"]:
        application["args"] = {"data_dir": str(folder / "data"), "metrics_port": 0, **args}
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(serve))
    return file


def load(folder: Path, **changes: Any) -> LauncherConfig:
    return load_config(write(folder, **changes))


def test_a_machine_in_order_has_no_problem(tmp_path: Path) -> None:
    assert problem(load(tmp_path)) is None
    assert (tmp_path / "data").is_dir()


def test_a_busy_port_is_named(tmp_path: Path, busy_port: int) -> None:
    for changes in ({"port": busy_port}, {"metrics_port": busy_port}):
        assert f":{busy_port} is in use" in (problem(load(tmp_path, **changes)) or "")
    assert "SIDECAR_METRICS_PORT" in (problem(load(tmp_path, metrics_port=busy_port)) or "")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = problem(load(tmp_path, data_dir=str(tmp_path / "file" / "data")))
    assert f"{tmp_path}/file/data can't be written: Not a directory" in (found or "")
    found = problem(load(tmp_path, data_dir="/proc/data"))
    assert "SIDECAR_DATA_DIR: /proc/data can't be written" in (found or "")


def test_only_a_new_folder_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that crashed with little room comes back, or its retention could make none."""
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 4096, 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    config = load(tmp_path)
    assert "has 0 MB of free space" in (problem(config) or "")
    (tmp_path / "data" / "service.db").touch()
    assert problem(config) is None


def test_a_folder_of_images_must_exist(tmp_path: Path) -> None:
    assert "is no folder" in (problem(load(tmp_path, image_dir=str(tmp_path / "none"))) or "")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"database_url": "mysql://u:secret@h/d"}, "SIDECAR_DATABASE_URL: it begins with postgres"),
        (
            {"ssrf_allowed_networks": "10.1.2.3/24"},
            "SIDECAR_SSRF_ALLOWED_NETWORKS: 10.1.2.3/24 has",
        ),
        ({"ssrf_allowed_networks": "office"}, "SIDECAR_SSRF_ALLOWED_NETWORKS: 'office' does not"),
        ({"otlp_endpoint": "localhost:4318"}, "SIDECAR_OTLP_ENDPOINT: it begins with http"),
        ({"data_dir": "/proc/data"}, "SIDECAR_DATA_DIR: /proc/data can't be written"),
    ],
)
def test_the_command_ends_with_a_sentence_and_no_traceback(
    tmp_path: Path, args: dict[str, str], sentence: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "deployments.launcher", str(write(tmp_path, **args))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr
    assert "secret" not in run.stderr
    assert len(run.stderr.splitlines()) == 1
