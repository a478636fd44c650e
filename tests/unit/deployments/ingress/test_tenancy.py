"""The tenant of a request comes from its body, header or query."""

import pytest

from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import TENANT, expect_error, submission


async def test_a_request_without_a_tenant_is_refused(ingress: IngressClient) -> None:
    expect_error(await ingress.http.get("/api/v1/jobs"), 400, "missing_tenant")
    response = await ingress.http.post("/api/v1/jobs", json=submission(tenant_id=None))
    expect_error(response, 400, "missing_tenant")


async def test_a_request_that_names_two_tenants_is_refused(ingress: IngressClient) -> None:
    response = await ingress.http.post(
        "/api/v1/jobs", json=submission(), headers={"x-tenant-id": "t2"}
    )
    expect_error(response, 400, "tenant_mismatch")
    response = await ingress.http.get("/api/v1/jobs?tenant_id=t2", headers=TENANT)
    expect_error(response, 400, "tenant_mismatch")


@pytest.mark.parametrize("tenant", ["café", "食料", "t-1"])
async def test_a_tenant_is_the_same_in_header_query_and_body(
    ingress: IngressClient, tenant: str
) -> None:
    header = {"x-tenant-id": tenant.encode()}
    response = await ingress.http.post("/api/v1/jobs", json=submission(tenant_id=tenant))
    assert response.json()["tenant_id"] == tenant
    for jobs in (
        await ingress.http.get("/api/v1/jobs", headers=header),
        await ingress.http.get("/api/v1/jobs", params={"tenant_id": tenant}),
        await ingress.http.get("/api/v1/jobs", params={"tenant_id": tenant}, headers=header),
    ):
        assert jobs.json()["total"] == 1


async def test_a_header_that_is_not_utf8_is_refused(ingress: IngressClient) -> None:
    response = await ingress.http.get("/api/v1/jobs", headers={"x-tenant-id": b"caf\xe9"})
    expect_error(response, 400, "missing_tenant")


async def test_two_headers_or_two_parameters_that_differ_are_refused(
    ingress: IngressClient,
) -> None:
    headers = [("x-tenant-id", "t1"), ("x-tenant-id", "t2")]
    expect_error(await ingress.http.get("/api/v1/jobs", headers=headers), 400, "tenant_mismatch")
    response = await ingress.http.get("/api/v1/jobs?tenant_id=t1&tenant_id=t2")
    expect_error(response, 400, "tenant_mismatch")
    same = [("x-tenant-id", "t1"), ("x-tenant-id", "t1")]
    assert (await ingress.http.get("/api/v1/jobs", headers=same)).status_code == 200
