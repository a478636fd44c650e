"""Runs a sentence-transformers model in torch: on a GPU, or when it can't be exported.

The library loads the model with every module of its folder (pooling, dense, normalization, maximum
length). This module schedules the work: each text is tokenized once, texts of similar length share
a batch, and a batch is bounded by its padded tokens, not by its number of texts.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from sidecar.embedding.batching import length_batches
from sidecar.embedding.cache import Vectors
from sidecar.embedding.prompts import Prompts

# Padded tokens of one forward pass; a GPU needs more for full use.
_BATCH_TOKENS_CPU: Final = 1_024
_BATCH_TOKENS_GPU: Final = 32_768


class TorchEmbedder:
    """A model that sentence-transformers runs."""

    def __init__(self, name: str, version: str, folder: Path, device: str, threads: int) -> None:
        """Load the model. Raises OSError or ValueError when that fails."""
        self.name: Final = name
        self.version: Final = version
        self._threads = threads
        torch.set_num_threads(threads)
        self._model = SentenceTransformer(str(folder), device=device)
        self._model.eval()
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ValueError(f"{name} has no fixed dimension")
        self.dimension: Final[int] = dimension
        self.prompts: Final = prompts_of(self._model)
        self.centers: Final[Mapping[str, Vectors]] = {}
        self._budget = _BATCH_TOKENS_CPU if device == "cpu" else _BATCH_TOKENS_GPU

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        if not texts:
            return vectors
        if torch.get_num_threads() != self._threads:  # a setting of each calling thread
            torch.set_num_threads(self._threads)
        tokens = self._tokenize(texts)
        lengths = [len(ids) for ids in tokens["input_ids"]]
        for rows in length_batches(lengths, self._budget):
            vectors[rows] = self._forward({key: [tokens[key][r] for r in rows] for key in tokens})
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        return sum(len(ids) for ids in self._tokenize(texts)["input_ids"])

    def _tokenize(self, texts: Sequence[str]) -> Any:
        return self._model.tokenizer(
            list(texts),
            truncation=True,
            max_length=self._model.max_seq_length,
            padding=False,
        )

    def _forward(self, tokens: dict[str, list[list[int]]]) -> Vectors:
        padded = self._model.tokenizer.pad(tokens, return_tensors="pt")
        features: dict[str, Any] = {k: v.to(self._model.device) for k, v in padded.items()}
        with torch.inference_mode():
            output = self._model(features)["sentence_embedding"]
            unit = torch.nn.functional.normalize(output.float(), dim=1)
        vectors: Vectors = unit.cpu().numpy()
        return vectors


def prompts_of(model: SentenceTransformer) -> Prompts:
    """Return the prefixes in the model's configuration."""
    default = model.prompts.get(model.default_prompt_name or "") or ""
    document = model.prompts.get("document") or model.prompts.get("passage") or default
    return Prompts(default, model.prompts.get("query") or default, document)
