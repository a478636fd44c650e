import base64
import os
import shutil
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.databases import Database, open_database, selected_databases
from tests.acceptance.elixir_client import compile_client
from tests.acceptance.service import REPOSITORY, Service, running, wait_for_engine
from tests.contract import contract

SAMPLE = REPOSITORY / "samples" / "receipt.jpg"

WaitForJob = Callable[..., dict[str, Any]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that use a database on one database, or on both if they are marked so."""
    if "database" not in metafunc.fixturenames:
        return
    both = metafunc.definition.get_closest_marker("both_databases") is not None
    names = selected_databases(both=both and "engine" not in metafunc.fixturenames)
    metafunc.parametrize("database", names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by database, and put those that need the engine last, while it loads."""
    first_database = selected_databases(both=True)[0]

    def order(item: pytest.Item) -> tuple[bool, bool]:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        on_second_database = parameters.get("database", first_database) != first_database
        return on_second_database, "engine" in item.fixturenames  # type: ignore[attr-defined]

    items.sort(key=order)


@pytest.fixture(autouse=True)
def every_answer_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check each answer that a test gets against the OpenAPI document; streams aside."""
    send = httpx.Client.send

    def checked(
        client: httpx.Client, request: httpx.Request, *, stream: bool = False, **options: Any
    ) -> httpx.Response:
        response = send(client, request, stream=stream, **options)
        if not stream:
            contract().check(response)
        return response

    monkeypatch.setattr(httpx.Client, "send", checked)


@pytest.fixture(scope="session")
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """The database that `pytest_generate_tests` selects."""
    with open_database(request.param, tmp_path_factory.mktemp(request.param)) as database:
        yield database


@pytest.fixture(scope="session")
def client_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the Elixir client's modules; without Elixir, skip or fail the test."""
    if shutil.which("elixir") is None:
        if os.environ.get("CI"):
            pytest.fail("elixir is not installed; `make test` installs Debian's where it can")
        pytest.skip("elixir is not installed, and could not be: that needs apt-get and root")
    return compile_client(tmp_path_factory.mktemp("elixir"))


@pytest.fixture(scope="session")
def engine(service: Service) -> Service:
    """The service, once its engine has loaded."""
    if find_spec("vllm") is None:
        if os.environ.get("CI"):
            pytest.fail("vLLM is not installed; `make test` installs it where it is available")
        pytest.skip("vLLM is not installed; `make run` installs it where it is available")
    wait_for_engine(service)
    return service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Service]:
    """One service for all tests on a database; with the engine on the first database."""
    engine = "auto" if database.name == selected_databases(both=True)[0] else "off"
    settings = {**database.settings(), "engine": {"mode": engine, "max_tokens": 256}}
    folder = tmp_path_factory.mktemp("service")
    with running(folder, settings=settings, change=database.change) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of the service, as tenant `acceptance`."""
    with httpx.Client(
        base_url=service.url, headers={"x-tenant-id": "acceptance"}, timeout=60
    ) as client:
        yield client


@pytest.fixture(scope="session")
def sample() -> str:
    """The sample receipt in base64."""
    return base64.b64encode(SAMPLE.read_bytes()).decode()


def job_poller(client: httpx.Client) -> WaitForJob:
    """Return a function that polls a job until a condition holds, by default until it ends."""

    def poll(
        job_id: str,
        condition: Callable[[dict[str, Any]], bool] = lambda job: (
            job["status"] in ("succeeded", "failed", "cancelled")
        ),
        seconds: float = 60,
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
            if condition(job):
                return job
            assert time.monotonic() < deadline, f"still {job}"
            time.sleep(0.05)

    return poll


@pytest.fixture
def wait_for_job(client: httpx.Client) -> WaitForJob:
    """A poller for jobs of the session's service."""
    return job_poller(client)
