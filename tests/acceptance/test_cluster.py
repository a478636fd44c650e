"""A worker node of a Ray cluster dies under load."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.cluster import Cluster, running_cluster, wait_until
from tests.acceptance.test_receipts import assert_is_sample, submit

RECEIPTS = 8


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path, workers=2) as cluster:
        yield cluster


@contextmanager
def categorize_continuously(cluster: Cluster) -> Iterator[list[str]]:
    """Categorize names in a thread, each until it succeeds; yield the growing list of artifacts."""
    artifacts: list[str] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            payload = {"item_name": f"milk {len(artifacts)}", "candidate_labels": ["a", "b"]}
            response = cluster.request(partial(categorize, payload))
            artifacts.append(response["metadata"]["artifact_id"])

    def categorize(payload: dict[str, Any], client: httpx.Client) -> httpx.Response:
        return client.post("/api/v1/categorize", json={"payload": payload})

    caller = threading.Thread(target=run)
    caller.start()
    try:
        yield artifacts
    finally:
        stop.set()
        caller.join()


def test_work_spreads_over_nodes_and_no_accepted_job_is_lost_when_one_dies(
    cluster: Cluster, sample: str
) -> None:
    assert all(node.runs("ServeReplica:sidecar:Ingress") for node in cluster.workers)
    assert not cluster.head.runs("ServeReplica:")

    with categorize_continuously(cluster) as artifacts:
        jobs = [
            cluster.request(lambda client: submit(client, sample, request_id=name))["id"]  # noqa: B023
            for name in map(str, range(RECEIPTS))
        ]
        wait_until(lambda: all(node.runs("ray::receipt_extraction") for node in cluster.workers))
        # The node of the job runner, whose attempts run on both nodes: the worst one to lose.
        [node] = [node for node in cluster.workers if node.runs("ServeReplica:sidecar:JobRunner")]
        node.kill()
        before = len(artifacts)

        def ended(job: str) -> bool:
            return cluster.get(f"/api/v1/jobs/{job}")["status"] in ("succeeded", "failed")

        wait_until(lambda: all(ended(job) for job in jobs))
        wait_until(lambda: len(artifacts) > before)

    for job_id in jobs:
        job = cluster.get(f"/api/v1/jobs/{job_id}")
        assert job["status"] == "succeeded", job
        assert_is_sample(job["output_payload"])
        assert cluster.get(f"/api/v1/artifacts?job_id={job_id}")["total"] == 1
    for artifact in artifacts:
        assert cluster.get(f"/api/v1/artifacts/{artifact}")["status"] == "success"
    wait_until(lambda: cluster.get("/health/ready")["status"] == "ok")
