"""A sentence-transformers model as an ONNX graph in ONNX Runtime, on the CPU."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from deployments.embedder.batches import length_batches
from deployments.embedder.cache import Vectors

# Padded tokens of one forward pass: more makes the activations fall out of the cache, fewer leaves
# the matrix products too small.
_BATCH_TOKENS: Final = 1_024


class OnnxEmbedder:
    """What export.py made of a model."""

    def __init__(self, name: str, version: str, folder: Path, threads: int) -> None:
        """Load the graph in `folder`. Raises OSError or ValueError when it is not whole."""
        about: dict[str, Any] = json.loads((folder / "embedder.json").read_text())
        self.name: Final = name
        self.version: Final = version
        self.dimension: Final = int(about["dimension"])
        self._prompt = str(about["prompt"])
        self._inputs: list[str] = about["inputs"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(about["max_tokens"]))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait for the next pass leave the core to others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        for rows in length_batches([len(text.ids) for text in encoded], _BATCH_TOKENS):
            vectors[rows] = self._forward([encoded[row] for row in rows])
        return vectors

    def _forward(self, texts: Sequence[Encoding]) -> Vectors:
        shape = (len(texts), max(len(text.ids) for text in texts))
        padded = {name: np.zeros(shape, dtype=np.int64) for name in self._inputs}
        for row, text in enumerate(texts):
            for name, values in (
                ("input_ids", text.ids),
                ("attention_mask", text.attention_mask),
                ("token_type_ids", text.type_ids),
            ):
                if name in padded:
                    padded[name][row, : len(values)] = values
        [vectors] = self._session.run(None, padded)
        return np.asarray(vectors, dtype=np.float32)
