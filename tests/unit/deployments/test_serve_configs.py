"""The configuration for GPUs is the ordinary one but for what concerns GPUs."""

from pathlib import Path
from typing import Any

import yaml

from sidecar.core.settings import Settings

REPOSITORY = Path(__file__).parents[3]
ORDINARY = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
GPU = yaml.safe_load((REPOSITORY / "deploy" / "serve_config.gpu.yaml").read_text())


def deployments(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        deployment["name"]: deployment
        for application in config["applications"]
        for deployment in application["deployments"]
    }


def test_what_has_no_gpu_is_the_same_in_both() -> None:
    for name, deployment in deployments(GPU).items():
        if "num_gpus" not in deployment["ray_actor_options"]:
            assert deployment == deployments(ORDINARY)[name]
    assert deployments(GPU).keys() == deployments(ORDINARY).keys()
    for key in ORDINARY.keys() - {"applications"}:
        assert GPU[key] == ORDINARY[key]


def test_every_application_has_the_same_settings_and_they_are_valid() -> None:
    for config in (ORDINARY, GPU):
        first, *others = [application["args"] for application in config["applications"]]
        assert all(other == first for other in others)
        Settings(**first)


def test_the_engine_has_whole_gpus_and_the_others_share_one() -> None:
    gpus = {
        name: deployment["ray_actor_options"]["num_gpus"]
        for name, deployment in deployments(GPU).items()
        if "num_gpus" in deployment["ray_actor_options"]
    }
    assert gpus.pop("Engine") == 1
    most = sum(
        share * deployments(GPU)[name]["autoscaling_config"]["max_replicas"]
        for name, share in gpus.items()
    )
    assert 0 < most <= 1
