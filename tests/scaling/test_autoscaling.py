"""Under load the engine goes from one replica to two and back, and no request fails meanwhile.

With the configuration for GPUs, on GPUs that Ray only counts; a tiny model stands in for a large
one, and the delays are short.
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

from sidecar.core.settings import EngineSettings, Settings
from sidecar.llm.model import resolve_model
from tests.acceptance import tiny_vlm
from tests.acceptance.service import Service, running, wait_for_engine

SCALE_LIMIT_S = 240


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("scaling")
    tiny_vlm.make(Path(resolve_model(Settings(data_dir=folder)).path), folder / "tiny-vlm")

    def hasten(config: dict[str, Any]) -> None:
        engine = config["applications"][1]["deployments"][0]
        engine["autoscaling_config"] |= {
            "target_ongoing_requests": 2,
            "upscale_delay_s": 2,
            "downscale_delay_s": 10,
        }

    default = EngineSettings()
    engine = {
        "mode": "auto",
        "model": str(folder / "tiny-vlm"),
        "tenant_concurrency": 16,
        "threads": 1,
        # In the place of what the file says for a GPU.
        "dtype": default.dtype,
        "enforce_eager": default.enforce_eager,
        "max_model_len": default.max_model_len,
        "kv_cache_bytes": default.kv_cache_bytes,
    }
    with running(
        folder,
        settings={"engine": engine},
        environment={"RAY_OVERRIDE_RESOURCES": json.dumps({"GPU": 3})},
        change=hasten,
        file="deploy/serve_config.gpu.yaml",
    ) as service:
        wait_for_engine(service)
        yield service


def replicas(service: Service) -> int:
    ready = httpx.get(f"{service.url}/health/ready", timeout=10).json()
    found = re.match(r"(\d+) replica", ready["checks"]["engine"]["detail"])
    return int(found[1]) if found else 0


def test_the_engine_follows_its_load_and_loses_nothing(service: Service) -> None:
    stop = threading.Event()
    answered: list[int] = []

    def talk() -> None:
        body = {
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 60,
            "ignore_eos": True,
        }
        with httpx.Client(headers={"x-tenant-id": "t"}, timeout=60) as client:
            while not stop.is_set():
                answer = client.post(f"{service.url}/v1/chat/completions", json=body)
                answered.append(answer.status_code)

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + SCALE_LIMIT_S
        while replicas(service) != count:
            assert time.monotonic() < deadline, f"{replicas(service)} replicas"
            time.sleep(0.5)

    assert replicas(service) == 1
    crowd = [threading.Thread(target=talk) for _ in range(8)]
    for one in crowd:
        one.start()
    try:
        wait_for(2)
        with_two = len(answered)
        while len(answered) < with_two + 20:
            time.sleep(0.1)
    finally:
        stop.set()
        for one in crowd:
            one.join()
    stop.clear()
    alone = threading.Thread(target=talk)
    alone.start()
    try:
        wait_for(1)
    finally:
        stop.set()
        alone.join()
    assert set(answered) == {200}
