"""Settings that depend on the model come from its family, unless the operator's say otherwise."""

from pathlib import Path

import pytest

from sidecar.core.settings import Settings
from sidecar.llm.families import families, family_of
from sidecar.llm.model import resolve_model


@pytest.mark.parametrize(
    ("model", "reasoning", "tools", "vision"),
    [
        ("Qwen/Qwen3.5-4B", "qwen3", "qwen3_xml", True),
        ("/models/qwen3.5-9b-awq/", "qwen3", "qwen3_xml", True),
        ("Qwen/Qwen3-VL-8B-Instruct", None, "hermes", True),
        ("Qwen/Qwen3-VL-8B-Thinking-FP8", "qwen3", "hermes", True),
        ("Qwen/Qwen3-4B-Instruct-2507", None, "hermes", False),
        ("Qwen/Qwen3-8B", "qwen3", "hermes", False),
        ("openai/gpt-oss-20b", "openai_gptoss", "openai", False),
        ("PaddlePaddle/PaddleOCR-VL-1.6", None, "hermes", True),
    ],
)
def test_a_model_has_the_settings_of_its_family(
    model: str, reasoning: str | None, tools: str, vision: bool
) -> None:
    family = family_of(model)
    assert family is not None
    assert (family.reasoning_parser, family.tool_parser, family.vision) == (
        reasoning,
        tools,
        vision,
    )


def test_an_unknown_model_has_no_family() -> None:
    assert family_of("someone/llm-7b") is None


def test_only_a_model_that_thinks_has_a_switch() -> None:
    assert all(family.reasoning_parser for family in families() if family.thinking_switch)
    names = [name for family in families() for name in family.names]
    assert len(set(names)) == len(names)


def test_the_operators_settings_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "qwen3-8b"
    folder.mkdir()

    def resolve(**engine: object) -> tuple[str | None, str, bool]:
        model = resolve_model(Settings(engine={"model": str(folder), **engine}))
        return model.reasoning_parser, model.tool_parser, model.asks_for_parser

    assert resolve() == ("qwen3", "hermes", True)
    assert resolve(reasoning_parser="none", tool_parser="xlam") == (None, "xlam", False)
    assert resolve(reasoning_parser="deepseek_r1") == ("deepseek_r1", "hermes", False)
