"""The real service against its own OpenAPI document, by schemathesis with all checks and links."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.databases import Database
from tests.acceptance.service import Service, running

TIMEOUT_S = 600
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Service]:
    """A service without the engine, which on a CPU would take ten seconds per chat request."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with running(folder, settings=database.settings(), change=database.change) as service:
        yield service


def test_the_service_conforms_to_its_openapi_document(service: Service, tmp_path: Path) -> None:
    process = subprocess.run(
        [
            Path(sys.executable).with_name("st"),
            f"--config-file={CONFIG}",
            "run",
            f"{service.url}/openapi.json",
            "--header=X-Tenant-ID: demo",
            "--phases=examples,coverage,fuzzing,stateful",
            "--max-examples=5",
            "--workers=1",  # threads that parse at a time end CPython 3.11's parser (gh-106905)
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if process.returncode != 0:
        pytest.fail(f"{process.stdout[-20_000:]}\n{process.stderr[-2_000:]}")
    assert "Tested: " in process.stdout
