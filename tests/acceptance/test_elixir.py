"""The Elixir client, and through it the contract as the Elixir core application sees it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.service import REPOSITORY, Service

SCRIPTS = Path(__file__).parent / "elixir"
CLIENT = sorted((REPOSITORY / "docs" / "elixir").rglob("*.ex"))
CHAT = {"GET /v1/models", "POST /v1/chat/completions"}


@pytest.fixture
def elixir() -> None:
    """Elixir is installed."""
    if shutil.which("elixir") is None:
        if os.environ.get("CI"):
            pytest.fail("elixir is not installed; `make test` installs Debian's where it can")
        pytest.skip("elixir is not installed, and could not be: that needs apt-get and root")


@pytest.mark.usefixtures("elixir")
def test_the_client_compiles_without_a_warning_and_all_of_it_is_formatted(tmp_path: Path) -> None:
    ran(["elixirc", "--warnings-as-errors", "-o", str(tmp_path), *map(str, CLIENT)])
    ran(["mix", "format", "--check-formatted", *map(str, [*CLIENT, *SCRIPTS.glob("*.exs")])])


@pytest.mark.usefixtures("elixir")
def test_the_client_bears_a_service_that_is_busy_away_or_broken(tmp_path: Path) -> None:
    passes(SCRIPTS / "trouble_test.exs", "http://127.0.0.1:9", tmp_path / "calls")


@pytest.mark.usefixtures("elixir")
def test_the_client_calls_every_endpoint_but_chat(service: Service, tmp_path: Path) -> None:
    called = passes(SCRIPTS / "service_test.exs", service.url, tmp_path / "calls")
    assert endpoints(service.url) - CHAT == called


@pytest.mark.usefixtures("elixir")
def test_the_client_chats(engine: Service, tmp_path: Path) -> None:
    called = passes(SCRIPTS / "chat_test.exs", engine.url, tmp_path / "calls")
    assert called == CHAT


def endpoints(url: str) -> set[str]:
    """What the service answers to, as `METHOD /path/{}`, but for its pages."""
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, methods in paths.items()
        if not path.startswith("/dashboard")
        for method in methods
    }


def passes(script: Path, url: str, calls: Path) -> set[str]:
    """Runs the tests of a script against a service. Gives what they called, as `endpoints` does."""
    environment = {"AI_SERVICE_URL": url, "SAMPLE": str(SAMPLE), "CALLS": str(calls)}
    output = ran(["elixir", str(script)], environment)
    assert " 0 failures" in output
    if not calls.exists():
        return set()
    called = calls.read_text().splitlines()
    return {re.sub(r"/(job|art)_[0-9a-f]{32}|(?<=/tenants)/[^/]+", "/{}", call) for call in called}


def ran(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What the command printed. It must succeed."""
    run = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
