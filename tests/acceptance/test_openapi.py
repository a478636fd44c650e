"""The real service against its own OpenAPI document: schemathesis, with every check and link."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.databases import Database
from tests.acceptance.service import Service, running

SECONDS = 600
CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Service]:
    """A service without the engine, on a CPU: each of a hundred answers takes it ten seconds."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with running(folder, settings=database.settings(), change=database.change) as service:
        yield service


def test_nothing_that_the_document_allows_or_forbids_upsets_the_service(
    service: Service, tmp_path: Path
) -> None:
    run = subprocess.run(
        [
            Path(sys.executable).with_name("st"),
            f"--config-file={CONFIG}",
            "run",
            f"{service.url}/openapi.json",
            "--header=X-Tenant-ID: demo",
            "--phases=examples,coverage,fuzzing,stateful",
            "--max-examples=5",
            "--workers=2",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(f"{run.stdout[-20_000:]}\n{run.stderr[-2_000:]}")
    assert "Tested: " in run.stdout
