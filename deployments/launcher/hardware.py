"""Fits a configuration to this machine: which parts use which GPU, and the engine's model."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from deployments.launcher.config import SERVICE, LauncherConfig, load_settings
from deployments.launcher.gpus import Gpu, GpuQuery, query_gpus
from deployments.launcher.placement import Placement, apply, names_gpus, place

_GPUS = "gpus.json"  # in the data folder


def fit(
    config: LauncherConfig, query: Callable[[], GpuQuery] = query_gpus
) -> tuple[LauncherConfig, Placement]:
    """Return the configuration for this machine's GPUs, and what was chosen and why."""
    placement = _choose(config, query)
    return _applied(config, placement), placement


def fit_again(config: LauncherConfig) -> LauncherConfig:
    """Return another configuration for the running service, on the GPUs as they were at its start.

    Their memory holds the service now. Raises OSError when it was never started in its folder.
    """
    saved = json.loads((config.settings.data_dir / _GPUS).read_text())
    found = GpuQuery(tuple(Gpu(**gpu) for gpu in saved["gpus"]), saved["problem"])
    return _applied(config, _choose(config, lambda: found))


def remember(config: LauncherConfig, found: GpuQuery) -> None:
    """Keep the GPUs for `fit_again`."""
    text = json.dumps({"gpus": [asdict(gpu) for gpu in found.gpus], "problem": found.problem})
    (config.settings.data_dir / _GPUS).write_text(text)


def _applied(config: LauncherConfig, placement: Placement) -> LauncherConfig:
    apply(config.serve, placement)
    if placement.devices is not None:
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # nvidia-smi's
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, placement.devices))
    [service] = [app for app in config.serve["applications"] if app["name"] == SERVICE]
    return replace(config, settings=load_settings(service["args"]))


def _choose(config: LauncherConfig, query: Callable[[], GpuQuery]) -> Placement:
    if config.settings.engine.mode == "off":
        return Placement(reason="the language model is turned off", has_engine=False)
    if not find_spec("vllm"):
        return Placement(reason="the language model is not installed", has_engine=False)
    if names_gpus(config.serve):
        return Placement(reason="GPUs are shared as the configuration says")
    found = query()
    if found.gpus and not is_built_for_gpus():
        return Placement(
            reason=f"{found.gpus[0].name} is not used, because the engine that is installed is for "
            "CPUs; remove .venv and install again"
        )
    return place(found.gpus, config.settings, problem=found.problem)


def is_built_for_gpus() -> bool:
    """Return whether the installed engine is vLLM's build for CUDA."""
    # The build for CPUs is another package with the same import name.
    try:
        version("vllm")
    except PackageNotFoundError:
        return False
    return True
