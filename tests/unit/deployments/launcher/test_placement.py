"""Every machine gets a model that fits, and shares of its GPUs that sum to at most 1."""

import copy
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployments.launcher import hardware
from deployments.launcher.config import LauncherConfig, load_config
from deployments.launcher.gpus import Gpu, GpuQuery
from deployments.launcher.hardware import fit, fit_again, remember
from deployments.launcher.placement import Placement, apply, names_gpus, place
from sidecar.core.settings import Settings

REPOSITORY = Path(__file__).parents[4]
CONFIG = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
TABLE = tomllib.loads((REPOSITORY / "deployments/launcher/data/gpus.toml").read_text())
TEXT_ON_GPUS = {"embedding": {"model": "BAAI/bge-m3"}, "classifier": {"backend": "nli"}}


def gpus(*sizes_mib: int, **fields: Any) -> list[Gpu]:
    return [
        Gpu(index=index, uuid=f"GPU-{index}", name="Card", memory_mib=size, **fields)
        for index, size in enumerate(sizes_mib)
    ]


def claims(placement: Placement) -> dict[str, float]:
    """Return the GPUs that each deployment of the configuration claims, with all its replicas."""
    serve = copy.deepcopy(CONFIG)
    apply(serve, placement)
    return {
        deployment["name"]: deployment["ray_actor_options"]["num_gpus"]
        * (deployment.get("autoscaling_config") or {}).get(
            "max_replicas", deployment.get("num_replicas")
        )
        for application in serve["applications"]
        for deployment in application["deployments"]
        if "num_gpus" in deployment["ray_actor_options"]
    }


@pytest.mark.parametrize(
    ("sizes", "model"),
    [
        ((6144,), "Qwen/Qwen3.5-0.8B"),
        ((8188,), "Qwen/Qwen3.5-2B"),
        ((12288,), "Qwen/Qwen3.5-2B"),
        ((16376,), "Qwen/Qwen3.5-4B"),
        ((24564,), "Qwen/Qwen3.5-9B"),
        ((40960,), "Qwen/Qwen3.5-9B"),
        ((81559,), "Qwen/Qwen3.5-27B"),
        ((24564, 24564), "Qwen/Qwen3.5-9B"),
    ],
)
def test_each_size_has_the_largest_model_that_fits(sizes: tuple[int, ...], model: str) -> None:
    placement = place(gpus(*sizes), Settings())
    assert placement.engine_settings["model"] == model
    assert placement.engine_settings["vision"]
    assert claims(placement) == {"Engine": len(sizes)}
    assert model in placement.reason


@given(
    st.lists(st.integers(1024, 200_000), max_size=8),
    st.integers(0, 30_000),
    st.booleans(),
    st.sampled_from(["", "PaddlePaddle/PaddleOCR-VL"]),
)
def test_no_gpu_is_given_away_twice(
    sizes: list[int], used: int, text: bool, vision_model: str
) -> None:
    settings = Settings(
        **TEXT_ON_GPUS if text else {},  # type: ignore[arg-type]
        engine={"vision_model": vision_model},
    )
    placement = place(gpus(*sizes, used_mib=used), settings)
    per_gpu = placement.engine_gpus + sum(placement.text_gpus.values()) + placement.vision_gpus
    assert per_gpu <= 1 + 1e-9
    assert placement.engine_replicas <= max(1, len(sizes))
    if not placement.engine_gpus:
        assert placement.text_gpus == placement.engine_settings == {}
        return
    devices = placement.devices or range(len(sizes))
    utilization = placement.engine_settings["arguments"]["gpu_memory_utilization"]
    for index in devices:
        taken_gib = (utilization + placement.vision_gpus) * sizes[index] / 1024
        taken_gib += 2.0 * len(placement.text_gpus)
        # A larger card among similar ones has a little more to give than the smallest.
        assert taken_gib <= (max(sizes[i] for i in devices) - used) / 1024 + 0.1 * max(sizes) / 1024
    [weights] = [
        2 * model["parameters"] * 1e9 / 2**30
        for model in TABLE["model"]
        if model["id"] == placement.engine_settings["model"]
    ]
    assert utilization * min(sizes[index] for index in devices) / 1024 > weights + 2


def test_text_models_on_the_gpu_take_their_share_from_the_engine() -> None:
    placement = place(gpus(24564), Settings(**TEXT_ON_GPUS))
    assert placement.text_gpus.keys() == {"Embedder", "Classifier"}
    assert sum(claims(placement).values()) == pytest.approx(1)
    alone = place(gpus(24564), Settings()).engine_settings["arguments"]["gpu_memory_utilization"]
    utilization = placement.engine_settings["arguments"]["gpu_memory_utilization"]
    assert utilization * 24 + 2 * 2.0 == pytest.approx(alone * 24, abs=0.5)
    on_cpu = Settings(**TEXT_ON_GPUS, text={"device": "cpu"})
    assert place(gpus(24564), on_cpu).text_gpus == {}


OCR_MODEL = "PaddlePaddle/PaddleOCR-VL"


@pytest.mark.parametrize(
    ("sizes", "model"),
    [
        ((12288,), "Qwen/Qwen3.5-0.8B"),
        ((15360,), "Qwen/Qwen3.5-2B"),
        ((16376,), "Qwen/Qwen3.5-2B"),
        ((23034,), "Qwen/Qwen3.5-4B"),
        ((24564,), "Qwen/Qwen3.5-4B"),
        ((40960,), "Qwen/Qwen3.5-9B"),
        ((81559,), "Qwen/Qwen3.5-27B"),
        ((24564, 24564), "Qwen/Qwen3.5-4B"),
        ((81559,) * 8, "Qwen/Qwen3.5-27B"),
    ],
)
def test_a_vision_model_has_its_share_and_the_chat_model_the_rest(
    sizes: tuple[int, ...], model: str
) -> None:
    placement = place(gpus(*sizes), Settings(engine={"vision_model": OCR_MODEL}))
    assert placement.engine_settings["model"] == model
    assert placement.engine_gpus + placement.vision_gpus == pytest.approx(1)
    claimed = claims(placement)
    assert claimed["Engine"] == pytest.approx(placement.engine_gpus * len(sizes))
    assert claimed["VisionEngine"] == pytest.approx(placement.vision_gpus * min(len(sizes), 2))
    utilization = placement.engine_settings["vision_arguments"]["gpu_memory_utilization"]
    assert utilization * sizes[0] / 1024 > 2 * TABLE["vision_parameters"] * 1e9 / 2**30 + 2
    assert f"{OCR_MODEL} for receipts" in placement.reason


@pytest.mark.parametrize("size", [6144, 8188])
def test_a_vision_model_without_room_is_left_out_and_said(size: int) -> None:
    placement = place(gpus(size), Settings(engine={"vision_model": OCR_MODEL}))
    assert claims(placement) == {"Engine": 1}
    assert placement.engine_settings["vision_model"] == ""
    assert f"no room for {OCR_MODEL}" in placement.reason
    alone = place(gpus(size), Settings())
    assert placement.engine_settings["model"] == alone.engine_settings["model"]


def test_the_operators_share_of_a_vision_model_stays() -> None:
    engine = {"vision_model": "/models/vlm-4b", "vision_arguments": {"gpu_memory_utilization": 0.4}}
    placement = place(gpus(24564), Settings(engine=engine))
    assert placement.vision_gpus == 0.4
    assert placement.engine_settings["arguments"]["gpu_memory_utilization"] == pytest.approx(0.52)
    assert placement.engine_settings["vision_arguments"] == engine["vision_arguments"]


def test_without_a_gpu_a_vision_model_runs_on_the_cpu_too(tmp_path: Path) -> None:
    config = load(tmp_path, engine={"vision_model": OCR_MODEL})
    placement = place([], config.settings)
    assert OCR_MODEL in placement.reason
    apply(config.serve, placement)
    assert [application["name"] for application in config.serve["applications"]] == [
        "sidecar",
        "engine",
        "vision",
    ]
    [chat, vision] = config.serve["applications"][1:]
    assert vision["args"] == chat["args"]
    assert {**vision["deployments"][0], "name": "Engine"} == chat["deployments"][0]


def test_what_other_programs_use_is_not_planned_with() -> None:
    placement = place(gpus(24564, used_mib=8000), Settings())
    assert placement.engine_settings["model"] == "Qwen/Qwen3.5-4B"
    assert placement.engine_settings["arguments"]["gpu_memory_utilization"] < 0.67


def test_what_the_operator_set_stays() -> None:
    engine = {"model": "/models/own", "max_sequences": 4, "vision": True}
    settings = Settings(engine={**engine, "arguments": {"gpu_memory_utilization": 0.5}})
    chosen = place(gpus(24564), settings).engine_settings
    assert chosen.items() >= engine.items()
    assert chosen["arguments"] == {"gpu_memory_utilization": 0.5}
    assert (chosen["dtype"], chosen["kv_cache_bytes"]) == ("auto", 0)


def test_a_card_that_is_smaller_than_the_others_is_left_alone() -> None:
    placement = place(gpus(8188, 24564), Settings())
    assert placement.devices == (1,)
    assert placement.engine_replicas == 1


@pytest.mark.parametrize(
    ("machine", "words"),
    [([], "no GPU"), (gpus(2048), "too few"), (gpus(24564, compute_capability=6.1), "too old")],
)
def test_without_a_usable_gpu_the_engine_runs_on_the_cpu(machine: list[Gpu], words: str) -> None:
    placement = place(machine, Settings())
    assert words in placement.reason
    assert claims(placement) == {}
    serve = copy.deepcopy(CONFIG)
    apply(serve, placement)
    assert [application["args"] for application in serve["applications"]] == [
        {"hardware": placement.reason}
    ] * 2


def load(tmp_path: Path, **args: Any) -> LauncherConfig:
    serve = copy.deepcopy(CONFIG)
    for application in serve["applications"]:
        application["args"] = args
    file = tmp_path / "serve_config.yaml"
    file.write_text(yaml.safe_dump(serve))
    return load_config(file)


def test_an_engine_that_is_off_is_left_out(tmp_path: Path) -> None:
    config, placement = fit(load(tmp_path, engine={"mode": "off"}), lambda: GpuQuery())
    assert not placement.has_engine
    assert [application["name"] for application in config.serve["applications"]] == ["sidecar"]
    assert config.settings.hardware == placement.reason


def test_another_configuration_has_the_gpus_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later the service itself fills their memory."""
    monkeypatch.setattr(hardware, "find_spec", lambda name: object())
    monkeypatch.setattr(hardware, "is_built_for_gpus", lambda: True)
    config = load(tmp_path, data_dir=str(tmp_path), engine={"mode": "auto", "max_tokens": 77})
    remember(config, GpuQuery(tuple(gpus(24564))))
    again = fit_again(config)
    assert again.settings.engine.model == "Qwen/Qwen3.5-9B"
    assert again.settings.engine.max_tokens == 77


def test_a_configuration_that_shares_gpus_itself_is_not_changed() -> None:
    serve = copy.deepcopy(CONFIG)
    assert not names_gpus(serve)
    serve["applications"][1]["deployments"][0]["ray_actor_options"]["num_gpus"] = 0.5
    assert names_gpus(serve)


@pytest.mark.parametrize("machine", TABLE["machine"], ids=lambda machine: machine["name"])
@pytest.mark.parametrize("vision_model", ["", OCR_MODEL])
def test_a_placed_configuration_is_valid(machine: dict[str, Any], vision_model: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # raised when Ray is imported
        from ray.serve.schema import ServeDeploySchema

    sizes = [machine.get("memory_mib", 0)] * machine.get("gpus", 1)
    serve = copy.deepcopy(CONFIG)
    apply(serve, place(gpus(*sizes), Settings(engine={"vision_model": vision_model})))
    schema = ServeDeploySchema.model_validate(serve)
    for application in schema.applications:
        Settings(**application.args)
