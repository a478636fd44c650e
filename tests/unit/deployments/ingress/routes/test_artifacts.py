"""The export of artifacts over HTTP."""

import json

from jobs.queue.job import JobResult
from tests.unit.deployments.conftest import IngressClient
from tests.unit.deployments.requests import SUBMISSION, TENANT


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
