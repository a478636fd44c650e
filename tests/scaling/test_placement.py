"""Ray places every part of each machine's configuration on the GPUs that the machine has.

The GPUs are counted by Ray only. An actor with a deployment's resources stands for each replica.
"""

import copy
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray.cluster_utils import Cluster
from ray.util.placement_group import placement_group, remove_placement_group

from deployments.launcher.gpus import Gpu
from deployments.launcher.placement import Placement, apply, place
from sidecar.core.settings import Settings

REPOSITORY = Path(__file__).parents[2]
CONFIG = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
MACHINES = tomllib.loads((REPOSITORY / "deployments/launcher/data/gpus.toml").read_text())[
    "machine"
]
TEXT_ON_GPUS = {"embedding": {"model": "BAAI/bge-m3"}, "classifier": {"backend": "nli"}}
PLACING_TIMEOUT_S = 60


@contextmanager
def machine(gpus: int) -> Iterator[None]:
    """A running Ray whose only node has `gpus` GPUs."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "num_gpus": gpus,
            "resources": {"node:__internal_head__": 1},
            "include_dashboard": False,
        },
    )
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


def gpus_of(entry: dict[str, Any]) -> list[Gpu]:
    return [
        Gpu(index=index, uuid=str(index), name=entry["name"], memory_mib=entry["memory_mib"])
        for index in range(entry.get("gpus", 1))
    ]


def replicas(placement: Placement) -> list[tuple[str, dict[str, float]]]:
    """Return every replica at the highest load: its deployment and its resources."""
    serve = copy.deepcopy(CONFIG)
    apply(serve, placement)
    found = []
    for application in serve["applications"]:
        for deployment in application["deployments"]:
            scaling = deployment.get("autoscaling_config") or {}
            options = deployment["ray_actor_options"]
            claim = {"GPU": options["num_gpus"]} if "num_gpus" in options else {"CPU": 0.001}
            count = scaling.get("max_replicas", deployment.get("num_replicas"))
            found += [(deployment["name"], claim)] * count
    return found


def assert_all_are_placed(placement: Placement) -> None:
    found = replicas(placement)
    group = placement_group([claim for _, claim in found], strategy="PACK")
    try:
        assert group.wait(PLACING_TIMEOUT_S), f"{found} do not fit"
    finally:
        remove_placement_group(group)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_every_replica_finds_its_gpu(count: int) -> None:
    entries = [entry for entry in MACHINES if entry.get("gpus", 1) == count]
    assert entries
    with machine(count):
        for entry in entries:
            placement = place(gpus_of(entry) if count else [], Settings())
            names = Counter(name for name, claim in replicas(placement) if "GPU" in claim)
            assert names == ({"Engine": count} if count else {})
            assert_all_are_placed(placement)


def test_text_models_share_the_gpu_with_the_engine() -> None:
    with machine(1):
        [entry] = [entry for entry in MACHINES if entry["name"] == "L4"]
        placement = place(gpus_of(entry), Settings(**TEXT_ON_GPUS))
        names = {name for name, claim in replicas(placement) if "GPU" in claim}
        assert names == {"Engine", "Embedder", "Classifier"}
        assert_all_are_placed(placement)
