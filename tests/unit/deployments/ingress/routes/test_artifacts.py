"""The export of artifacts over HTTP."""

import json

from jobs.queue.job import JobResult
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import SUBMISSION, TENANT, reading


async def test_artifacts_are_exported_as_json_lines_for_their_tenant_only(
    ingress: IngressClient,
) -> None:
    for number in range(3):
        await ingress.http.post("/api/v1/jobs", json={**SUBMISSION, "request_id": f"r{number}"})
    for claimed in await ingress.claims.claim(["receipt_extraction"], 3):
        await ingress.claims.succeed(claimed, JobResult(output={}, model_id="m", model_version="1"))
    path = "/api/v1/artifacts?format=jsonl"
    lines = (await ingress.http.get(path, headers=TENANT)).text.splitlines()
    assert len(lines) == 3
    assert [json.loads(line)["feature"] for line in lines] == ["receipt_extraction"] * 3
    assert (await ingress.http.get(path, headers={"x-tenant-id": "t2"})).text == ""


async def test_lists_leave_out_large_payloads_which_the_one_row_and_exports_have(
    ingress: IngressClient,
) -> None:
    small, large = reading("Corner Shop"), reading("x" * 20_000)
    for number, output in enumerate((small, large)):
        await ingress.http.post("/api/v1/jobs", json={**SUBMISSION, "request_id": f"r{number}"})
        [claimed] = await ingress.claims.claim(["receipt_extraction"], 1)
        result = JobResult(output=output, model_id="m", model_version="1")
        await ingress.claims.succeed(claimed, result)
    page = (await ingress.http.get("/api/v1/artifacts", headers=TENANT)).json()
    of_large, of_small = page["artifacts"]
    assert of_large["input_payload"] is None
    assert of_large["output_payload"] is None
    assert "image" in of_small["input_payload"]
    assert of_small["output_payload"] == small
    one = await ingress.http.get(f"/api/v1/artifacts/{of_large['id']}", headers=TENANT)
    assert one.json()["output_payload"] == large
    exported = await ingress.http.get("/api/v1/artifacts?format=jsonl", headers=TENANT)
    assert [json.loads(line)["output_payload"] for line in exported.text.splitlines()][1] == large
