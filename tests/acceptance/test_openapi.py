"""The real service against its own OpenAPI document: schemathesis, with every check and link."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.service import Service

SECONDS = 400
CONFIG = Path(__file__).with_name("schemathesis.toml")


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
