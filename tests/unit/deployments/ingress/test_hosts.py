"""Names that the public DNS resolves are none of this service's, unless a setting says so."""

import socket

import pytest

from deployments.ingress.hosts import HostChecker
from sidecar.core.errors import WrongHost
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import TENANT, expect_error

ALLOWED = ("groceries.example.com", ".shop.example")


@pytest.mark.parametrize(
    "host",
    [
        None,
        "127.0.0.1:8000",
        "[::1]:8000",
        "10.1.2.3",
        "localhost:8000",
        "sidecar",
        "sidecar.internal:80",
        "groceries.example.com",
        "GROCERIES.example.com.:443",
        "a.b.shop.example",
        socket.gethostname(),
    ],
)
def test_own_names_are_accepted(host: str | None) -> None:
    HostChecker(ALLOWED).check(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "127.0.0.1.evil.com:8000",
        "localhost.evil.com",
        "groceries.example.com.evil.com",
        "shop.example",
        "evilshop.example",
        "a.b:port",
        "evil.com@127.0.0.1.evil.com",
        "[::1",
    ],
)
def test_names_of_others_are_refused(host: str) -> None:
    with pytest.raises(WrongHost):
        HostChecker(ALLOWED).check(host)


@pytest.mark.parametrize("path", ["/dashboard", "/api/v1/jobs", "/openapi.json"])
async def test_a_page_that_rebinds_its_name_gets_nothing(ingress: IngressClient, path: str) -> None:
    headers = {"host": "rebound.evil.com:8000", **TENANT}
    expect_error(await ingress.http.get(path, headers=headers), 421, "wrong_host")


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.com"},
        {"origin": "null"},
        {"origin": "http://service:8001"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/jobs/job_1/cancel"),
        ("POST", "/api/v1/jobs/job_1/retry"),
        ("POST", "/api/v1/jobs/job_1/webhook/resend"),
        ("DELETE", "/api/v1/tenants/t1/data"),
        ("POST", "/api/v1/feedback"),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    ingress: IngressClient, method: str, path: str, headers: dict[str, str]
) -> None:
    response = await ingress.http.request(method, path, headers={**headers, **TENANT})
    expect_error(response, 400, "cross_site")


async def test_pages_of_this_site_and_programs_may_change_things(ingress: IngressClient) -> None:
    for headers in ({}, {"sec-fetch-site": "same-origin"}, {"origin": "http://service"}):
        response = await ingress.http.post(
            "/api/v1/jobs/job_1/cancel", headers={**headers, **TENANT}
        )
        expect_error(response, 404, "not_found")
