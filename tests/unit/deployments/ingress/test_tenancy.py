"""The tenant of a request comes from its body, header or query."""

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
