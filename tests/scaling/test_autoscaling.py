"""The engine scales from one replica to two and back, and no request fails meanwhile.

On GPUs that Ray only counts, with a tiny model and short delays.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sidecar.core.settings import Settings
from sidecar.llm.model import resolve_model
from tests.acceptance import tiny_vlm
from tests.acceptance.service import Service, running, wait_for_engine

SCALE_LIMIT_S = 240


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("scaling")
    tiny_vlm.make(Path(resolve_model(Settings(data_dir=folder)).path), folder / "tiny-vlm")

    def put_engine_on_gpus(config: dict[str, Any]) -> None:
        engine = config["applications"][1]["deployments"][0]
        del engine["num_replicas"]
        engine["autoscaling_config"] = {
            "min_replicas": 1,
            "max_replicas": 2,
            "target_ongoing_requests": 2,
            "upscale_delay_s": 2,
            "downscale_delay_s": 10,
        }
        engine["ray_actor_options"]["num_gpus"] = 1

    engine = {
        "mode": "auto",
        "model": str(folder / "tiny-vlm"),
        "vision": True,
        "tenant_concurrency": 16,
        "threads": 1,
    }
    with running(
        folder,
        settings={"engine": engine},
        environment={"RAY_OVERRIDE_RESOURCES": json.dumps({"GPU": 3})},
        change=put_engine_on_gpus,
    ) as service:
        wait_for_engine(service)
        yield service


def replica_count(service: Service) -> int:
    ready = httpx.get(f"{service.url}/health/ready", timeout=10).json()
    match = re.match(r"(\d+) replica", ready["checks"]["engine"]["detail"])
    return int(match[1]) if match else 0


def test_the_engine_scales_with_its_load_and_fails_no_request(service: Service) -> None:
    stop = threading.Event()
    statuses: list[int] = []

    def chat() -> None:
        body = {
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 60,
            "ignore_eos": True,
        }
        with httpx.Client(headers={"x-tenant-id": "t"}, timeout=60) as client:
            while not stop.is_set():
                response = client.post(f"{service.url}/v1/chat/completions", json=body)
                statuses.append(response.status_code)

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + SCALE_LIMIT_S
        while replica_count(service) != count:
            assert time.monotonic() < deadline, f"{replica_count(service)} replicas"
            time.sleep(0.5)

    assert replica_count(service) == 1
    clients = [threading.Thread(target=chat) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        wait_for(2)
        at_two = len(statuses)
        while len(statuses) < at_two + 20:
            time.sleep(0.1)
    finally:
        stop.set()
        for client in clients:
            client.join()
    stop.clear()
    single_client = threading.Thread(target=chat)
    single_client.start()
    try:
        wait_for(1)
    finally:
        stop.set()
        single_client.join()
    assert set(statuses) == {200}
