"""A sentence-transformers model as an ONNX graph in ONNX Runtime, on the CPU.

A forward pass runs in one thread, and as many of them side by side as there may be threads: two
threads in one pass wake each other at every operation, which costs a short text more than it saves.
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

# Padded tokens of one forward pass, at most: more makes the activations fall out of the cache.
_BATCH_TOKENS: Final = 512
# And at least, where there are as many: fewer leave the matrix products too small.
_LEAST_TOKENS: Final = 32


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
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            folder / "model.onnx",
            options,
            providers=["CPUExecutionProvider"],
            # Its kernel is scalar; adding and normalising apart take a quarter of the time.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="forward")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 of shape (len(texts), dimension), in the order of `texts`."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        lengths = [len(text.ids) for text in encoded]
        # As many passes for each thread: an odd one would have the others wait.
        rounds = max(1, -(-sum(lengths) // (self._threads * _BATCH_TOKENS)))
        share = max(_LEAST_TOKENS, -(-sum(lengths) // (self._threads * rounds)))

        def forward(rows: list[int]) -> None:
            vectors[rows] = self._forward([encoded[row] for row in rows])

        batches = list(length_batches(lengths, share))
        if len(batches) == 1:
            forward(batches[0])
        else:
            list(self._pool.map(forward, reversed(batches)))  # the longest must not come last
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
