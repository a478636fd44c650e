"""The vision model's engine has settings of its own; the chat model's stay as they are."""

import pytest

from sidecar.core.settings import Settings
from sidecar.llm.families import families
from sidecar.llm.model import resolve_model
from sidecar.llm.vision_model import transcription_prompt, vision_settings


def settings(model: str = "PaddlePaddle/PaddleOCR-VL", **engine: object) -> Settings:
    return Settings(engine={"vision_model": model, "model": "Qwen/Qwen3.5-4B", **engine})


def test_the_vision_engine_has_no_tools_and_no_thoughts() -> None:
    model = resolve_model(vision_settings(settings(tool_parser="xlam", reasoning_parser="qwen3")))
    assert model.path == "PaddlePaddle/PaddleOCR-VL"
    assert (model.tool_parser, model.reasoning_parser) == (None, None)
    assert model.engine_arguments["max_model_len"] == 8192
    assert model.engine_arguments["limit_mm_per_prompt"]["image"] == 1
    assert model.engine_arguments["enable_prefix_caching"] is False


def test_the_chat_model_is_not_changed() -> None:
    given = settings(arguments={"seed": 1}, vision_arguments={"seed": 2})
    assert resolve_model(given).engine_arguments["seed"] == 1
    assert resolve_model(vision_settings(given)).engine_arguments["seed"] == 2
    assert resolve_model(given).tool_parser == "qwen3_xml"
    assert not given.engine.vision


def test_the_operators_arguments_come_first() -> None:
    own = vision_settings(settings(vision_arguments={"max_model_len": 2048}))
    assert resolve_model(own).engine_arguments["max_model_len"] == 2048
    assert resolve_model(own).max_tokens == 1024, "vLLM refuses more tokens than the context has"


@pytest.mark.parametrize(("given", "bytes_"), [(0, 0), (1 << 20, 512 << 20), (1 << 30, 1 << 30)])
def test_the_cache_holds_a_page_unless_the_gpu_sizes_it(given: int, bytes_: int) -> None:
    assert vision_settings(settings(kv_cache_bytes=given)).engine.kv_cache_bytes == bytes_


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        ("PaddlePaddle/PaddleOCR-VL-1.5", "OCR:"),
        ("/models/glm-ocr-fp8/", "Text Recognition:"),
        ("Qwen/Qwen3-VL-2B-Instruct", None),
        ("someone/vlm-1b", None),
        ("", None),
    ],
)
def test_a_model_that_transcribes_has_its_authors_prompt(model: str, prompt: str | None) -> None:
    assert transcription_prompt(settings(model)) == prompt


def test_a_model_that_answers_by_a_schema_sees_all_pages_at_once() -> None:
    own = vision_settings(settings("Qwen/Qwen3-VL-2B-Instruct", max_images=3))
    assert own.engine.max_images == 3


def test_only_models_that_take_images_transcribe() -> None:
    assert all(family.vision for family in families() if family.transcription_prompt)
