"""Fits a configuration to this machine: which parts use which GPU, and the engine's model."""

import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deployments.launcher.config import SERVICE, LauncherConfig, load_settings
from deployments.launcher.gpus import GpuQuery, query_gpus
from deployments.launcher.placement import Placement, apply, names_gpus, place


def fit(
    config: LauncherConfig, query: Callable[[], GpuQuery] = query_gpus
) -> tuple[LauncherConfig, Placement]:
    """Return the configuration for this machine's GPUs, and what was chosen and why."""
    placement = _choose(config, query)
    apply(config.serve, placement)
    if placement.devices is not None:
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # nvidia-smi's
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, placement.devices))
    [service] = [app for app in config.serve["applications"] if app["name"] == SERVICE]
    return replace(config, settings=load_settings(service["args"])), placement


def _choose(config: LauncherConfig, query: Callable[[], GpuQuery]) -> Placement:
    if config.settings.engine.mode == "off":
        return Placement(reason="the language model is turned off", has_engine=False)
    if not find_spec("vllm"):
        return Placement(reason="the language model is not installed", has_engine=False)
    if names_gpus(config.serve):
        return Placement(reason="GPUs are shared as the configuration says")
    found = query()
    if found.gpus and not _is_built_for_gpus():
        return Placement(
            reason=f"{found.gpus[0].name} is not used, because the engine that is installed is for "
            "CPUs; remove .venv and install again"
        )
    return place(found.gpus, config.settings, problem=found.problem)


def _is_built_for_gpus() -> bool:
    # The build for CPUs is another package with the same import name.
    try:
        version("vllm")
    except PackageNotFoundError:
        return False
    return True
