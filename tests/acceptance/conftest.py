import base64
import os
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import httpx
import pytest

from tests.acceptance.databases import Database, chosen
from tests.acceptance.databases import database as open_database
from tests.acceptance.service import REPOSITORY, Service, running, wait_for_engine

SAMPLE = REPOSITORY / "samples" / "receipt.jpg"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What has to do with a database runs on one of them, or on both."""
    if "database" not in metafunc.fixturenames:
        return
    both = metafunc.definition.get_closest_marker("both_databases") is not None
    names = chosen(both=both and "engine" not in metafunc.fixturenames)
    metafunc.parametrize("database", names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One database after the other; and what talks to the engine goes last of those on its own: it
    loads while the rest is tested.
    """

    def turn(item: pytest.Item) -> tuple[bool, bool]:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        on_second = parameters.get("database", chosen(both=True)[0]) != chosen(both=True)[0]
        return on_second, "engine" in item.fixturenames  # type: ignore[attr-defined]

    items.sort(key=turn)


@pytest.fixture(scope="session")
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """What `pytest_generate_tests` says."""
    with open_database(request.param, tmp_path_factory.mktemp(request.param)) as database:
        yield database


@pytest.fixture(scope="session")
def engine(service: Service) -> Service:
    """The service, once its engine has loaded."""
    if find_spec("vllm") is None:
        if os.environ.get("CI"):
            pytest.fail("vLLM is not installed; `make test` installs it where it can be had")
        pytest.skip("vLLM is not installed; `make run` installs it where it can be had")
    wait_for_engine(service)
    return service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Service]:
    """One service for the whole run on a database."""
    engine = "auto" if database.name == chosen(both=True)[0] else "off"
    settings = {**database.settings(), "engine": {"mode": engine, "max_tokens": 256}}
    folder = tmp_path_factory.mktemp("service")
    with running(folder, settings=settings, change=database.change) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A caller of the service, as tenant `acceptance`."""
    with httpx.Client(
        base_url=service.url, headers={"x-tenant-id": "acceptance"}, timeout=60
    ) as client:
        yield client


@pytest.fixture(scope="session")
def sample() -> str:
    """The sample receipt in base64."""
    return base64.b64encode(SAMPLE.read_bytes()).decode()


def polling(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """What polls a job of the client's until it is as wanted; by default, until it has ended."""

    def poll(
        job_id: str,
        wanted: Callable[[dict[str, Any]], bool] = lambda job: (
            job["status"] in ("succeeded", "failed", "cancelled")
        ),
        seconds: float = 60,
    ) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}").json()
            if wanted(job):
                return job
            assert time.monotonic() < deadline, f"still {job}"
            time.sleep(0.05)

    return poll


@pytest.fixture
def until(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Polls a job of the session's service."""
    return polling(client)
