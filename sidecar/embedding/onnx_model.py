"""Runs an exported sentence-transformers model in ONNX Runtime, on the CPU.

Each forward pass runs in one thread, and several passes run in parallel: two threads in one pass
synchronize at every operation, which costs more than it saves on short texts.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from sidecar.embedding.batching import length_batches
from sidecar.embedding.cache import Vectors

# Padded tokens of one forward pass. With more the activations fall out of the CPU's cache; with
# fewer the matrix products are too small.
_MAX_BATCH_TOKENS: Final = 512
_MIN_BATCH_TOKENS: Final = 32


class OnnxEmbedder:
    """A model exported by export.py."""

    def __init__(self, name: str, version: str, folder: Path, threads: int) -> None:
        """Load the graph in `folder`. Raises OSError or ValueError when it is incomplete."""
        description: dict[str, Any] = json.loads((folder / "embedder.json").read_text())
        self.name: Final = name
        self.version: Final = version
        self.dimension: Final = int(description["dimension"])
        self._prompt = str(description["prompt"])
        self._inputs: list[str] = description["inputs"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(description["max_tokens"]))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            folder / "model.onnx",
            options,
            providers=["CPUExecutionProvider"],
            # Its kernel is scalar; separate addition and normalization take a quarter of the time.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="forward")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        lengths = [len(text.ids) for text in encoded]
        # The same number of passes for each thread, so that no thread waits for an extra pass.
        rounds = max(1, -(-sum(lengths) // (self._threads * _MAX_BATCH_TOKENS)))
        budget = max(_MIN_BATCH_TOKENS, -(-sum(lengths) // (self._threads * rounds)))

        def forward(rows: list[int]) -> None:
            vectors[rows] = self._forward([encoded[row] for row in rows])

        batches = list(length_batches(lengths, budget))
        if len(batches) == 1:
            forward(batches[0])
        else:
            list(self._executor.map(forward, reversed(batches)))  # longest first
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        encoded = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        return sum(len(text.ids) for text in encoded)

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
