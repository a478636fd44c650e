"""Fits the service to the machine's GPUs: a model, and each part's share of a GPU.

All parts that use GPUs share each of them by fractions (Ray's `num_gpus`) that sum to at most 1.
vLLM takes its memory at its start, so what the text models and a vision model need is left out of
its share (`gpu_memory_utilization`). The numbers are in data/gpus.toml.
"""

import copy
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from deployments.launcher.config import ENGINE, VISION
from deployments.launcher.gpus import Gpu
from sidecar.core.settings import Settings
from sidecar.llm.families import ModelFamily, family_of
from sidecar.llm.vision_model import MAX_SEQUENCES as VISION_SEQUENCES

#: GPUs that differ by less share the work; a smaller one is left alone.
_SIMILAR = 0.9
_MAX_MODEL_LEN = 16_384
_MAX_TOKENS = 4096  # enough for a long receipt
_MAX_SEQUENCES = 16  # of a model that the operator chose
_VISION_DEPLOYMENT = "VisionEngine"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What runs where. `engine_gpus` and `vision_gpus` are each replica's share of a GPU; 0 is the
    CPU.
    """

    reason: str
    has_engine: bool = True
    engine_gpus: float = 0.0
    engine_replicas: int = 1  # at most; there is one without load
    has_vision_engine: bool = False  # for the vision model that the settings name
    vision_gpus: float = 0.0
    text_gpus: Mapping[str, float] = field(default_factory=dict)  # by deployment
    engine_settings: Mapping[str, Any] = field(default_factory=dict)
    devices: tuple[int, ...] | None = None  # CUDA_VISIBLE_DEVICES; None: all


def place(gpus: Sequence[Gpu], settings: Settings, *, problem: str | None = None) -> Placement:
    """Return the placement on these GPUs; `problem` says why there may be more of them.

    What the operator has set (`settings`) stays; the rest is fitted to it.
    """
    table = _table()
    note = f" ({problem})" if problem else ""
    if not gpus:
        return _on_cpu(f"no GPU{note}: the language model", settings)
    usable = [gpu for gpu in gpus if gpu.compute_capability >= table["min_compute_capability"]]
    if not usable:
        return _on_cpu(
            f"{gpus[0].name} is too old (compute capability {gpus[0].compute_capability:g}, "
            f"{table['min_compute_capability']:g} is needed): the language model",
            settings,
        )
    largest = max(gpu.memory_mib for gpu in usable)
    used = [gpu for gpu in usable if gpu.memory_mib >= _SIMILAR * largest]
    smallest = min(used, key=_free_gib)
    text_gib = dict.fromkeys(_text_models(settings), table["text_model_gib"])
    room_gib = _free_gib(smallest) - sum(text_gib.values())
    for vision_gpus in (_vision_share(settings, smallest), 0.0):
        share_gib = room_gib - vision_gpus * smallest.memory_gib
        model, weights_gib, sequences = _model(share_gib - table["engine_overhead_gib"], settings)
        if model is not None and share_gib > 0:
            break
    described = _describe(used) + note
    if model is None:
        return _on_cpu(
            f"{described}: {max(share_gib, 0):.1f} GiB are free for a language model, too few for "
            "the smallest; it",
            settings,
        )
    text_gpus = {name: _ceil(gib / smallest.memory_gib) for name, gib in text_gib.items()}
    utilization = _floor(share_gib / smallest.memory_gib)
    size = f"{weights_gib:.1f} GiB of weights" if weights_gib else "chosen by the settings"
    beside, left_out = [*text_gpus], ""
    if vision_gpus:
        beside.append(f"{settings.engine.vision_model} for receipts ({vision_gpus:.0%})")
    elif settings.engine.vision_model:
        left_out = f", with no room for {settings.engine.vision_model}"
    others = f", beside {' and '.join(beside)}" if beside else ""
    each = " on each" if len(used) > 1 else ""
    return Placement(
        reason=f"{described}: {model} ({size}) has {utilization:.0%} of the memory{each}{others}"
        f"{left_out}",
        engine_gpus=_floor(1 - sum(text_gpus.values()) - vision_gpus),
        engine_replicas=len(used),
        has_vision_engine=vision_gpus > 0,
        vision_gpus=vision_gpus,
        text_gpus=text_gpus,
        engine_settings=_engine_settings(settings, model, sequences, utilization)
        | _vision_settings(settings, vision_gpus),
        devices=None if len(used) == len(gpus) else tuple(gpu.index for gpu in used),
    )


def apply(serve: dict[str, Any], placement: Placement) -> None:
    """Write the placement into a configuration of Ray Serve: without an absent engine, and with an
    application for the vision model's, which is as the chat model's but for its GPUs.
    """
    applications = {application["name"]: application for application in serve["applications"]}
    if not placement.has_engine:
        applications.pop(ENGINE, None)
    elif placement.has_vision_engine and VISION not in applications:
        applications[VISION] = _vision_application(applications[ENGINE])
    serve["applications"] = list(applications.values())
    for application in serve["applications"]:
        arguments = application["args"] = dict(application.get("args") or {})
        arguments["hardware"] = placement.reason
        if placement.engine_settings:
            given = arguments.get("engine") or {}
            arguments["engine"] = {**given, **placement.engine_settings}
        for deployment in application["deployments"]:
            if deployment["name"] == "Engine" and placement.engine_gpus:
                sequences = placement.engine_settings["max_sequences"]
                replicas = placement.engine_replicas
                _put_engine_on_gpus(deployment, placement.engine_gpus, replicas, sequences)
            elif deployment["name"] == _VISION_DEPLOYMENT and placement.vision_gpus:
                # More than two could gather on a GPU that a replica of the chat model will need.
                replicas = min(placement.engine_replicas, 2)
                _put_engine_on_gpus(deployment, placement.vision_gpus, replicas, VISION_SEQUENCES)
            elif share := placement.text_gpus.get(deployment["name"]):
                deployment.pop("autoscaling_config", None)
                deployment["num_replicas"] = 1  # its share of one GPU
                deployment.setdefault("ray_actor_options", {})["num_gpus"] = share


def names_gpus(serve: Mapping[str, Any]) -> bool:
    """Return whether the configuration itself gives GPUs to any part."""
    return any(
        (deployment.get("ray_actor_options") or {}).get("num_gpus")
        for application in serve["applications"]
        for deployment in application["deployments"]
    )


def _on_cpu(beginning: str, settings: Settings) -> Placement:
    vision_model = settings.engine.vision_model
    too = f", and so does {vision_model}, which reads receipts" if vision_model else ""
    return Placement(
        reason=f"{beginning} runs on the CPU{too}", has_vision_engine=bool(vision_model)
    )


def _vision_application(engine: Mapping[str, Any]) -> dict[str, Any]:
    application = copy.deepcopy(dict(engine))
    application |= {"name": VISION, "import_path": "deployments.app:build_vision_engine"}
    for deployment in application["deployments"]:
        deployment["name"] = _VISION_DEPLOYMENT
    return application


def _put_engine_on_gpus(
    deployment: dict[str, Any], share: float, replicas: int, sequences: int
) -> None:
    deployment.pop("num_replicas", None)
    deployment["autoscaling_config"] = {
        "min_replicas": 1,
        "max_replicas": replicas,
        "target_ongoing_requests": sequences // 2,  # to load the next replica in time
        "upscale_delay_s": 15,
        "downscale_delay_s": 900,  # several times the model's loading time
    }
    deployment["max_ongoing_requests"] = sequences * 3 // 2  # to keep all sequences busy
    deployment["max_queued_requests"] = sequences * 3
    deployment["graceful_shutdown_timeout_s"] = 60  # responses in flight finish
    deployment.setdefault("ray_actor_options", {})["num_gpus"] = share


def _engine_settings(
    settings: Settings, model: str, sequences: int, utilization: float
) -> dict[str, Any]:
    engine = settings.engine
    fitted = {
        "model": model,
        "vision": (family_of(model) or ModelFamily()).vision,
        "dtype": "auto",
        "enforce_eager": False,
        "kv_cache_bytes": 0,
        "max_model_len": _MAX_MODEL_LEN,
        "max_sequences": sequences,
        "max_tokens": _MAX_TOKENS,
    }
    given = {name: getattr(engine, name) for name in engine.model_fields_set if name in fitted}
    arguments = {"gpu_memory_utilization": utilization, **engine.arguments}
    return {**fitted, **given, "arguments": arguments}


def _vision_share(settings: Settings, gpu: Gpu) -> float:
    """Return the share of a GPU for the vision model that the settings name; 0 without one."""
    if not settings.engine.vision_model:
        return 0.0
    if share := settings.engine.vision_arguments.get("gpu_memory_utilization"):
        return _ceil(float(share))
    needed_gib = _weights_gib(_table()["vision_parameters"]) + _table()["engine_overhead_gib"]
    return _ceil(needed_gib / gpu.memory_gib)


def _vision_settings(settings: Settings, utilization: float) -> dict[str, Any]:
    if not settings.engine.vision_model:
        return {}
    if not utilization:
        return {"vision_model": ""}
    arguments = {"gpu_memory_utilization": utilization, **settings.engine.vision_arguments}
    return {"vision_arguments": arguments}


def _weights_gib(parameters: float) -> float:
    return 2 * parameters * 1e9 / 2**30


def _model(room_gib: float, settings: Settings) -> tuple[str | None, float, int]:
    """Return the model, its weights in GiB (0 if unknown) and its sequences; None if none fits."""
    if settings.engine.model:
        return settings.engine.model, 0.0, _MAX_SEQUENCES
    for entry in _table()["model"]:
        weights_gib = _weights_gib(entry["parameters"])
        if weights_gib <= room_gib:
            return entry["id"], weights_gib, entry["max_sequences"]
    return None, 0.0, 0


def _text_models(settings: Settings) -> list[str]:
    """Return the deployments with models of the operator's choice; the installed run on the CPU."""
    if settings.text.device == "cpu":
        return []
    wanted = {
        "Embedder": bool(settings.embedding.model) and not _is_installed(settings.embedding.model),
        "Classifier": settings.classifier.backend in ("nli", "reranker"),
    }
    return [name for name, uses in wanted.items() if uses]


def _is_installed(model: str) -> bool:
    # Imported here: a start without a setting shouldn't wait for it.
    from sidecar.embedding.model import ENGLISH, GROCERY, MULTILINGUAL

    return model in (ENGLISH, GROCERY, MULTILINGUAL)


def _free_gib(gpu: Gpu) -> float:
    table = _table()
    unused = (gpu.memory_mib - gpu.used_mib) / 1024 - table["margin_gib"]
    return float(min(table["max_memory_share"] * gpu.memory_gib, unused))


def _describe(gpus: Sequence[Gpu]) -> str:
    names = " and ".join(sorted({gpu.name for gpu in gpus}))
    count = f"{len(gpus)} GPUs, " if len(gpus) > 1 else ""
    each = " each" if len(gpus) > 1 else ""
    return f"{count}{names} with {min(gpu.memory_gib for gpu in gpus):.1f} GiB{each}"


def _floor(share: float) -> float:
    return math.floor(share * 100 + 1e-6) / 100


def _ceil(share: float) -> float:
    return math.ceil(share * 100 - 1e-6) / 100


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((files("deployments.launcher") / "data" / "gpus.toml").read_text("utf-8"))
