"""The Elixir client, and through it the API contract with the Elixir core application."""

import re
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import SAMPLE
from tests.acceptance.elixir_client import CLIENT, run
from tests.acceptance.service import REPOSITORY, Service

SCRIPTS = Path(__file__).parent / "elixir"
OPENAI_EX = "openai_ex_test.exs"
CHAT = {"GET /v1/models", "POST /v1/chat/completions"}
ANTHROPICS = {"POST /v1/messages"}


def test_the_client_passes_its_own_tests_and_is_formatted(client_code: Path) -> None:
    """Warnings are errors; the examples run against stand-ins of Oban, Phoenix and Plug."""
    build = str(client_code.parents[2])
    assert " 0 failures" in run(["mix", "test"], {"MIX_BUILD_PATH": build}, cwd=CLIENT)
    run(["mix", "format", "--check-formatted"], cwd=CLIENT)
    run(["mix", "format", "--check-formatted", *map(str, SCRIPTS.glob("*.exs"))], cwd=CLIENT)


def test_the_client_calls_every_endpoint_but_chat(
    client_code: Path, service: Service, tmp_path: Path
) -> None:
    called = run_tests("service_test.exs", client_code, service.url, tmp_path / "calls")
    assert endpoints(service.url) - CHAT - ANTHROPICS == called


def test_the_clients_options_are_the_services(client_code: Path, service: Service) -> None:
    """An option that the client doesn't know raises, so it has to know all there are."""
    schemas = httpx.get(f"{service.url}/openapi.json").json()["components"]["schemas"]
    source = "".join(file.read_text() for file in (CLIENT / "lib").rglob("*.ex"))
    for attribute, schema, without in [
        ("reading", "ReceiptOptions", set()),
        ("chatting", "ChatRequest", {"messages", "stream", "stream_options"}),
        ("embedding", "OpenAIEmbedRequest", {"input"}),
    ]:
        found = re.search(rf"@{attribute} ~w\(([^)]*)\)a", source)
        assert found is not None
        assert set(found[1].split()) == set(schemas[schema]["properties"]) - without


@pytest.mark.parametrize("page", ["README.md", "docs/api.md", "clients/elixir/README.md"])
def test_a_pages_examples_run(
    client_code: Path, service: Service, tmp_path: Path, page: str
) -> None:
    """Run the page's examples one after the other, with a photograph at hand."""
    text = (REPOSITORY / page).read_text()
    examples = re.findall(r"^```elixir\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert examples
    script = tmp_path / "page.exs"
    script.write_text(
        f'photo = File.read!("{SAMPLE}")\nid = 7\n'
        + "\n".join(examples).replace("http://127.0.0.1:8000", service.url)
    )
    run(["elixir", "-pa", str(client_code), str(script)])


def test_the_client_chats(client_code: Path, engine: Service, tmp_path: Path) -> None:
    called = run_tests("chat_test.exs", client_code, engine.url, tmp_path / "calls")
    assert called == CHAT


def test_the_calls_of_openai_ex_embed(client_code: Path, service: Service) -> None:
    environment = {"AI_SERVICE_URL": service.url, "EXCLUDE": "chat"}
    output = run(["elixir", "-pa", str(client_code), str(SCRIPTS / OPENAI_EX)], environment)
    assert "5 tests, 0 failures, 2 excluded" in output


def test_the_calls_of_openai_ex_chat(client_code: Path, engine: Service) -> None:
    environment = {"AI_SERVICE_URL": engine.url}
    output = run(["elixir", "-pa", str(client_code), str(SCRIPTS / OPENAI_EX)], environment)
    assert "5 tests, 0 failures" in output


def endpoints(url: str) -> set[str]:
    """Return the service's endpoints without the dashboard, as `METHOD /path/{}`."""
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"
        for path, methods in paths.items()
        if not path.startswith("/dashboard")
        for method in methods
    }


def run_tests(script: str, client_code: Path, url: str, calls: Path) -> set[str]:
    """Run a script's tests against a service; return the endpoints that they called."""
    environment = {"AI_SERVICE_URL": url, "SAMPLE": str(SAMPLE), "CALLS": str(calls)}
    output = run(["elixir", "-pa", str(client_code), str(SCRIPTS / script)], environment)
    assert " 0 failures" in output
    called = calls.read_text().splitlines()
    ids = (
        r"/(job|art|cor)_[0-9a-f]{32}|(?<=/tenants)/[^/]+|(?<=/v1/models)/[^/]+"
        r"|(?<=/queues)/[^/]+"
    )
    return {re.sub(ids, "/{}", call) for call in called}
