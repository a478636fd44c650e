"""Erasure of a tenant over HTTP."""

from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import expect_error, submission


async def test_erasing_a_tenant_leaves_the_others(ingress: IngressClient) -> None:
    for tenant in ("acme/eu", "t2"):
        response = await ingress.http.post("/api/v1/jobs", json=submission(tenant_id=tenant))
        assert response.status_code == 200
    erased = await ingress.http.delete("/api/v1/tenants/acme/eu/data")
    assert erased.status_code == 200
    assert erased.json()["erased"]["jobs"] == 1
    assert ingress.engine.forgotten == ["acme/eu"]
    for tenant, remaining in (("acme/eu", 0), ("t2", 1)):
        page = await ingress.http.get("/api/v1/jobs", headers={"x-tenant-id": tenant})
        assert page.json()["total"] == remaining


async def test_erasing_another_tenant_is_refused(ingress: IngressClient) -> None:
    await ingress.http.post("/api/v1/jobs", json=submission(tenant_id="t1"))
    response = await ingress.http.delete("/api/v1/tenants/t1/data", headers={"x-tenant-id": "t2"})
    expect_error(response, 400, "tenant_mismatch")
    page = await ingress.http.get("/api/v1/jobs", headers={"x-tenant-id": "t1"})
    assert page.json()["total"] == 1
