"""Every machine gets a model that fits, and shares of its GPUs that sum to at most 1."""

import copy
import tomllib
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
)
def test_no_gpu_is_given_away_twice(sizes: list[int], used: int, text: bool) -> None:
    settings = Settings(**TEXT_ON_GPUS) if text else Settings()
    placement = place(gpus(*sizes, used_mib=used), settings)
    per_gpu = placement.engine_gpus + sum(placement.text_gpus.values())
    assert per_gpu <= 1 + 1e-9
    assert placement.engine_replicas <= max(1, len(sizes))
    if not placement.engine_gpus:
        assert placement.text_gpus == placement.engine_settings == {}
        return
    devices = placement.devices or range(len(sizes))
    utilization = placement.engine_settings["arguments"]["gpu_memory_utilization"]
    for index in devices:
        taken_gib = utilization * sizes[index] / 1024 + 2.0 * len(placement.text_gpus)
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
def test_a_placed_configuration_is_valid(machine: dict[str, Any]) -> None:
    from ray.serve.schema import ServeDeploySchema

    sizes = [machine.get("memory_mib", 0)] * machine.get("gpus", 1)
    serve = copy.deepcopy(CONFIG)
    apply(serve, place(gpus(*sizes), Settings()))
    schema = ServeDeploySchema.model_validate(serve)
    for application in schema.applications:
        Settings(**application.args)
