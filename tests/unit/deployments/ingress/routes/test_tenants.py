"""A tenant's end over HTTP."""

from tests.unit.deployments.conftest import Front
from tests.unit.deployments.ingress.test_errors import expect, submission


async def test_a_tenant_is_erased_and_another_is_not(front: Front) -> None:
    for tenant in ("acme/eu", "t2"):
        answer = await front.client.post("/api/v1/jobs", json=submission(tenant_id=tenant))
        assert answer.status_code == 200
    erased = await front.client.delete("/api/v1/tenants/acme/eu/data")
    assert erased.status_code == 200
    assert erased.json()["erased"]["jobs"] == 1
    for tenant, left in (("acme/eu", 0), ("t2", 1)):
        page = await front.client.get("/api/v1/jobs", headers={"x-tenant-id": tenant})
        assert page.json()["total"] == left


async def test_who_says_to_be_another_tenant_erases_nothing(front: Front) -> None:
    await front.client.post("/api/v1/jobs", json=submission(tenant_id="t1"))
    answer = await front.client.delete("/api/v1/tenants/t1/data", headers={"x-tenant-id": "t2"})
    expect(answer, 400, "tenant_mismatch")
    page = await front.client.get("/api/v1/jobs", headers={"x-tenant-id": "t1"})
    assert page.json()["total"] == 1
