"""The console command of the wheel, in an environment that has its dependencies alone."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import yaml

from deployments.launcher.ports import free_port
from sidecar.core.build_cache import INSTALL_DIR
from tests.acceptance.service import REPOSITORY, START_TIMEOUT_S, STOP_TIMEOUT_S


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of `grocery-sidecar`, installed from a wheel that is built for this test."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    source = folder / "source"  # a build leaves files beside what it builds
    for name in ("deployments", "jobs", "sidecar"):
        shutil.copytree(REPOSITORY / name, source / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE", "serve_config.yaml"):
        shutil.copy(REPOSITORY / name, source)
    run = subprocess.run(
        [uv, "build", "--quiet", "--wheel", "--out-dir", folder, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    [wheel] = folder.glob("*.whl")
    assert "deployments/launcher/data/serve_config.yaml" in zipfile.ZipFile(wheel).namelist()
    environment = folder / "environment"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel]
    subprocess.run(install, check=True)
    [packages] = environment.glob("lib/python*/site-packages")
    # A .pth file in a folder that a .pth file names is not read, so the checkout, which the
    # dependencies' environment has as an editable install, is not among them.
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    # What `make` builds once after an installation; a first start without it takes minutes.
    (environment / "share").mkdir(exist_ok=True)
    (environment / "share" / "grocery-sidecar").symlink_to(INSTALL_DIR)
    where = "import deployments; print(deployments.__file__)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True, cwd=folder)
    assert str(environment) in found.stdout, found
    return environment / "bin" / "grocery-sidecar"


def run(
    command: Path, *arguments: str, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, **environment},
    )


def test_it_checks_runs_backs_up_and_restores(command: Path, tmp_path: Path) -> None:
    port = free_port()
    config = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(config))
    environment = {
        "SIDECAR_DATA_DIR": str(tmp_path / "data"),
        "SIDECAR_ENGINE_MODE": "off",
        "SIDECAR_METRICS_PORT": "0",
    }
    checked = run(command, "check", str(file), environment=environment)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "Hardware: the language model is turned off." in checked.stdout
    described = run(command, "doctor", str(file), environment=environment)
    assert "grocery-sidecar " in described.stdout
    assert "data folder" in described.stdout
    with subprocess.Popen(
        [command, "run", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env={**os.environ, **environment},
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            until = time.monotonic() + 2 * START_TIMEOUT_S
            lines = []
            while not (lines and lines[-1].startswith("Ready after")):
                lines.append(process.stdout.readline())
                assert lines[-1], lines
                assert time.monotonic() < until
            url = f"http://127.0.0.1:{port}"
            assert httpx.get(f"{url}/health/ready", timeout=10).json()["status"] == "ok"
            saved = run(command, "backup", str(tmp_path / "saved"), environment=environment)
            assert (saved.returncode, saved.stderr) == (0, "")
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOP_TIMEOUT_S)
    elsewhere = {**environment, "SIDECAR_DATA_DIR": str(tmp_path / "restored")}
    restored = run(command, "restore", str(tmp_path / "saved"), environment=elsewhere)
    assert (restored.returncode, restored.stderr) == (0, "")
    assert (tmp_path / "restored" / "service.db").is_file()


def test_what_is_wrong_is_a_sentence(command: Path, tmp_path: Path) -> None:
    environment = {
        "SIDECAR_DATA_DIR": str(tmp_path / "none"),
        "SIDECAR_DATABASE_URL": "mysql://x/y",
    }
    for arguments in (("check",), ("backup", str(tmp_path / "saved"))):
        failed = run(command, *arguments, environment=environment)
        assert failed.returncode == 1
        assert "Traceback" not in failed.stderr
        assert "postgresql" in failed.stderr.casefold()
