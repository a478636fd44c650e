"""The settings of the vision model's engine, which runs beside the chat model's."""

from typing import Final

from sidecar.core.setting_groups import MiB
from sidecar.core.settings import Settings
from sidecar.llm.families import ModelFamily, family_of
from sidecar.llm.model import NO_PARSER

MAX_SEQUENCES: Final = 8  # pages read at once
_CONTEXT = 8192  # tokens: a page's picture has up to 3,000, and its text as many
_CPU_CACHE_BYTES = 512 * MiB  # holds one sequence of a model of a billion parameters, in float32


def transcription_prompt(settings: Settings) -> str | None:
    """Return the prompt for a page's text; None if the model answers by a JSON schema."""
    return (family_of(settings.engine.vision_model) or ModelFamily()).transcription_prompt


def vision_settings(settings: Settings) -> Settings:
    """Return the settings with the vision model in the chat model's place.

    It has no tools and no thoughts, and sees each page once. A model that transcribes sees one page
    at a time. `engine.vision_arguments` override everything.
    """
    engine = settings.engine
    context = int(engine.vision_arguments.get("max_model_len", _CONTEXT))
    fields = {
        "model": engine.vision_model,
        "vision": True,
        "tool_parser": NO_PARSER,
        "reasoning_parser": NO_PARSER,
        "prefix_caching": False,
        "max_model_len": context,
        "max_sequences": MAX_SEQUENCES,
        "max_tokens": context // 2,  # vLLM refuses more than the context
        "max_images": 1 if transcription_prompt(settings) else engine.max_images,
        "kv_cache_bytes": engine.kv_cache_bytes and max(engine.kv_cache_bytes, _CPU_CACHE_BYTES),
        "arguments": {"mm_processor_cache_gb": 0, **engine.vision_arguments},
    }
    return settings.model_copy(update={"engine": engine.model_copy(update=fields)})
