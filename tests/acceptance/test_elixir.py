"""The contract as the Elixir core application sees it, by real Elixir."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import Service

SCRIPTS = Path(__file__).parent / "elixir"


def test_an_elixir_client_submits_polls_and_reads(service: Service) -> None:
    passes(SCRIPTS / "receipt_test.exs", service)


def test_an_elixir_client_chats(engine: Service) -> None:
    passes(SCRIPTS / "chat_test.exs", engine)


def passes(script: Path, service: Service) -> None:
    if shutil.which("elixir") is None:
        if os.environ.get("CI"):
            pytest.fail("elixir is not installed; `make test` installs Debian's where it can")
        pytest.skip("elixir is not installed, and could not be: that needs apt-get and root")
    run = subprocess.run(
        ["elixir", str(script)],
        env={
            **os.environ,
            "AI_SERVICE_URL": service.url,
            "SAMPLE": str(SAMPLE),
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 failures" in run.stdout
