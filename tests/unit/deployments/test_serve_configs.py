"""The GPU configuration differs from the default one only in what concerns GPUs."""

from pathlib import Path
from typing import Any

import yaml

from sidecar.core.settings import Settings

REPOSITORY = Path(__file__).parents[3]
DEFAULT = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
GPU = yaml.safe_load((REPOSITORY / "deploy" / "serve_config.gpu.yaml").read_text())


def deployments(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        deployment["name"]: deployment
        for application in config["applications"]
        for deployment in application["deployments"]
    }


def test_deployments_without_gpus_are_the_same_in_both() -> None:
    for name, deployment in deployments(GPU).items():
        if "num_gpus" not in deployment["ray_actor_options"]:
            assert deployment == deployments(DEFAULT)[name]
    assert deployments(GPU).keys() == deployments(DEFAULT).keys()
    for key in DEFAULT.keys() - {"applications"}:
        assert GPU[key] == DEFAULT[key]


def test_every_application_has_the_same_valid_settings() -> None:
    for config in (DEFAULT, GPU):
        first, *others = [application["args"] for application in config["applications"]]
        assert all(other == first for other in others)
        Settings(**first)


def test_one_gpu_is_enough_and_the_engine_has_it() -> None:
    gpus = {
        name: deployment["ray_actor_options"]["num_gpus"]
        for name, deployment in deployments(GPU).items()
        if "num_gpus" in deployment["ray_actor_options"]
    }
    assert gpus == {"Engine": 1}
    assert deployments(GPU)["Engine"]["autoscaling_config"]["min_replicas"] <= 1
