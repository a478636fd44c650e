"""Ray's autoscaler adds nodes for replicas that have no room, and takes idle ones away.

The nodes are Ray's fake ones, of this machine, with GPUs that Ray only counts; the replicas and
their claims are those of the overlay for GPUs, with short delays and an engine that may have no
replica at all.
"""

import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from ray.autoscaler._private.fake_multi_node.node_provider import (
    FAKE_HEAD_NODE_ID,
    FakeMultiNodeProvider,
)

from deployments.launcher.ports import free_port
from sidecar.core.settings import Settings
from sidecar.llm.model import resolve_model
from tests.acceptance import tiny_vlm
from tests.acceptance.cluster import BIN, HEAD, TENANT, Node, responds, run_node, wait_until
from tests.acceptance.service import REPOSITORY

CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
TEXTS = {"texts": [{"id": str(number), "text": f"oat milk {number}"} for number in range(64)]}
#: What a cluster's configuration must list for nodes that are reached by SSH.
_COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
    "cluster_synced_files",
)
QUICK = {"upscale_delay_s": 1, "downscale_delay_s": 5, "metrics_interval_s": 1}


@dataclass(frozen=True)
class Cluster:
    """A head without CPUs, and the workers that its autoscaler adds."""

    head: Node

    def workers(self) -> tuple[int, int]:
        """Return the nodes without and with a GPU."""
        raylets = [title for title in self.head.titles() if "raylet/raylet" in title]
        with_gpu = sum("GPU,1" in title for title in raylets)
        return len(raylets) - with_gpu - 1, with_gpu

    def replicas(self, name: str) -> int:
        return sum(title.startswith(f"ray::ServeReplica:{name}") for title in self.head.titles())


def autoscaler_config(gcs: str) -> dict[str, Any]:

    def worker(least: int, most: int, **resources: int) -> dict[str, Any]:
        counts = {"min_workers": least, "max_workers": most}
        return {"resources": resources, "node_config": {}, **counts}

    return {
        "cluster_name": "fake",
        "max_workers": 3,
        "idle_timeout_minutes": 0.1,
        "provider": {
            # By its module: as "fake_multinode" it needs a file that Ray's wheel lacks.
            "type": "external",
            "module": f"{FakeMultiNodeProvider.__module__}.{FakeMultiNodeProvider.__name__}",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
            "launch_multiple": True,
            "head_node_id": FAKE_HEAD_NODE_ID,
            "gcs_address": gcs,
        },
        "auth": {},
        "docker": {},
        "file_mounts": {},
        **{key: [] for key in _COMMANDS},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {}, "node_config": {}, "max_workers": 0},
            # Room for one replica of each deployment, and not for two embedders.
            "cpu": worker(1, 2, CPU=6),
            "gpu": worker(0, 1, CPU=2, GPU=1),
        },
    }


def serve_config(port: int) -> dict[str, Any]:
    """Return the overlay's configuration; nodes of one address can't have a proxy each."""
    file = REPOSITORY / "deploy" / "kubernetes" / "overlays" / "gpu" / "serve_config.yaml"
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    config |= {"proxy_location": "HeadOnly", "http_options": {"host": HEAD, "port": port}}
    for application in config["applications"]:
        for deployment in application["deployments"]:
            scaling = deployment.pop("autoscaling_config", None)
            match deployment["name"]:
                case "Engine":
                    scaling |= {"min_replicas": 0, "max_replicas": 1, **QUICK}
                    deployment["autoscaling_config"] = scaling
                case "Embedder":
                    scaling |= {"max_replicas": 2, "target_ongoing_requests": 1, **QUICK}
                    deployment["autoscaling_config"] = scaling
                case "Planner":
                    deployment["ray_actor_options"]["num_cpus"] = 1
                case "Ingress":
                    deployment["num_replicas"] = 1
    return config


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    model = tmp_path / "tiny-vlm"
    tiny_vlm.make(Path(resolve_model(Settings(data_dir=tmp_path)).path), model)
    token = tmp_path / "ray_token"
    token.write_text(secrets.token_hex(32))
    gcs, dashboard, port = free_port(), free_port(), free_port()
    scaling = tmp_path / "autoscaler.yaml"
    scaling.write_text(yaml.safe_dump(autoscaler_config(f"{HEAD}:{gcs}")))
    config = tmp_path / "serve_config.yaml"
    config.write_text(yaml.safe_dump(serve_config(port)))
    environment = {
        **os.environ,
        "SIDECAR_DATA_DIR": str(tmp_path / "data"),
        "SIDECAR_ENGINE_MODE": "auto",
        "SIDECAR_ENGINE_MODEL": str(model),
        "SIDECAR_ENGINE_VISION": "true",
        "SIDECAR_ENGINE_THREADS": "1",
        "SIDECAR_PLANNER_WORKERS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.serving.proxy_errors:middlewares",
        "RAY_worker_niceness": "0",
        "RAY_FAKE_CLUSTER": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_enable_autoscaler_v2": "1",  # as in deploy/kubernetes
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
        "PYTHONPATH": str(REPOSITORY),
    }
    start = [
        "--head",
        f"--port={gcs}",
        f"--dashboard-port={dashboard}",
        "--num-cpus=0",
        f"--autoscaling-config={scaling}",
    ]
    with ExitStack() as stack:
        log = tmp_path / "ray.log"
        head = stack.enter_context(run_node(HEAD, start, environment, log, port))
        wait_until(lambda: responds(f"http://{HEAD}:{dashboard}"))
        subprocess.run(
            [BIN / "serve", "deploy", f"--address=http://{HEAD}:{dashboard}", config],
            env=environment,
            check=True,
            timeout=60,
        )
        wait_until(lambda: responds(f"{head.client.base_url}/health/live"))
        yield Cluster(head)


@contextmanager
def embedding_continuously(url: str) -> Iterator[list[int]]:
    """Embed texts with six closed-loop clients; yield the growing list of statuses."""
    statuses: list[int] = []
    stop = threading.Event()

    def run() -> None:
        with httpx.Client(base_url=url, headers=TENANT, timeout=120) as client:
            while not stop.is_set():
                statuses.append(client.post("/api/v1/embed/batch", json=TEXTS).status_code)

    callers = [threading.Thread(target=run) for _ in range(6)]
    for caller in callers:
        caller.start()
    try:
        yield statuses
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def test_replicas_without_room_bring_nodes_and_idle_nodes_go(cluster: Cluster) -> None:
    client = cluster.head.client
    assert cluster.workers() == (1, 0)
    engine = client.get("/health/ready").json()["checks"]["engine"]
    assert engine["detail"] == "it has no replica; the next request starts one"

    first = client.post("/v1/chat/completions", json=CHAT)
    assert first.status_code == 503
    assert int(first.headers["retry-after"]) > 0
    wait_until(lambda: cluster.workers() == (1, 1))
    wait_until(lambda: client.post("/v1/chat/completions", json=CHAT).status_code == 200)

    with embedding_continuously(str(client.base_url)) as statuses:
        wait_until(lambda: cluster.workers()[0] == 2)
        wait_until(lambda: cluster.replicas("sidecar:Embedder") == 2)
        before = len(statuses)
        wait_until(lambda: len(statuses) > before + 10)
    assert set(statuses) == {200}
    wait_until(lambda: cluster.workers() == (1, 0))
    assert cluster.replicas("engine:Engine") == 0
