"""The Elixir client, and through it the API contract with the Elixir core application."""

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
#: Elixir has the module since 1.18.
JSON_BEFORE_ELIXIR_1_18 = """
unless Code.ensure_loaded?(JSON) do
  defmodule JSON do
    defdelegate encode!(value), to: Json
    defdelegate decode(text), to: Json
  end
end
"""
CHAT = {"GET /v1/models", "POST /v1/chat/completions"}


@pytest.fixture
def elixir() -> None:
    """Skip or fail the test where Elixir is not installed."""
    if shutil.which("elixir") is None:
        if os.environ.get("CI"):
            pytest.fail("elixir is not installed; `make test` installs Debian's where it can")
        pytest.skip("elixir is not installed, and could not be: that needs apt-get and root")


@pytest.mark.usefixtures("elixir")
def test_the_client_compiles_without_warnings_and_is_formatted(tmp_path: Path) -> None:
    run(["elixirc", "--warnings-as-errors", "-o", str(tmp_path), *map(str, CLIENT)])
    run(["mix", "format", "--check-formatted", *map(str, [*CLIENT, *SCRIPTS.glob("*.exs")])])


@pytest.mark.usefixtures("elixir")
def test_the_client_survives_a_busy_missing_or_broken_service(tmp_path: Path) -> None:
    run_tests(SCRIPTS / "trouble_test.exs", "http://127.0.0.1:9", tmp_path / "calls")


@pytest.mark.usefixtures("elixir")
def test_the_client_calls_every_endpoint_but_chat(service: Service, tmp_path: Path) -> None:
    called = run_tests(SCRIPTS / "service_test.exs", service.url, tmp_path / "calls")
    assert endpoints(service.url) - CHAT == called


@pytest.mark.usefixtures("elixir")
def test_the_readmes_example_runs(service: Service, tmp_path: Path) -> None:
    readme = (REPOSITORY / "README.md").read_text()
    [example] = re.findall(r"^```elixir\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    script = tmp_path / "readme.exs"
    script.write_text(
        JSON_BEFORE_ELIXIR_1_18
        + f'photo = File.read!("{SAMPLE}")\n'
        + example.replace("case Groc", "total = case Groc").replace(
            "http://127.0.0.1:8000", service.url
        )
        + "IO.puts(total)\n"
    )
    # Required first: Elixir expands the example's struct before it runs the script's first line.
    command = ["elixir", "-r", str(SCRIPTS / "service.exs"), str(script)]
    assert run(command).splitlines()[-1] == "33.67"


@pytest.mark.usefixtures("elixir")
def test_the_client_chats(engine: Service, tmp_path: Path) -> None:
    called = run_tests(SCRIPTS / "chat_test.exs", engine.url, tmp_path / "calls")
    assert called == CHAT


def endpoints(url: str) -> set[str]:
    """Return the service's endpoints without the dashboard, as `METHOD /path/{}`."""
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, methods in paths.items()
        if not path.startswith("/dashboard")
        for method in methods
    }


def run_tests(script: Path, url: str, calls: Path) -> set[str]:
    """Run a script's tests against a service; return the endpoints that they called."""
    environment = {"AI_SERVICE_URL": url, "SAMPLE": str(SAMPLE), "CALLS": str(calls)}
    output = run(["elixir", str(script)], environment)
    assert " 0 failures" in output
    if not calls.exists():
        return set()
    called = calls.read_text().splitlines()
    ids = r"/(job|art)_[0-9a-f]{32}|(?<=/tenants)/[^/]+|(?<=/v1/models)/[^/]+"
    return {re.sub(ids, "/{}", call) for call in called}


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output."""
    process = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout
