"""Runs an exported embedding model in ONNX Runtime, on the CPU.

Each forward pass runs in one thread, and several passes run in parallel: two threads in one pass
synchronize at every operation, which costs more than it saves on short texts.
"""

import json
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime

from sidecar.embedding.batching import length_batches
from sidecar.embedding.cache import Vectors
from sidecar.embedding.prompts import Prompts

# Padded tokens of one forward pass. With more the activations fall out of the CPU's cache; with
# fewer the matrix products are too small.
_MAX_BATCH_TOKENS: Final = 512
_MIN_BATCH_TOKENS: Final = 32


#: Texts to their token ids, special tokens included, cut to the model's maximum.
Tokenize = Callable[[Sequence[str]], Sequence[Sequence[int]]]


class OnnxEmbedder:
    """A model written by export.py or packed_e5.py."""

    def __init__(self, name: str, version: str, folder: Path, threads: int) -> None:
        """Load the graph in `folder`. Raises OSError or ValueError when it is incomplete."""
        description: dict[str, Any] = json.loads((folder / "embedder.json").read_text())
        self.name: Final = name
        self.version: Final = version
        self.dimension: Final = int(description["dimension"])
        self.prompts: Final = Prompts(**description["prompts"])
        self.centers: Final = {
            prompt: np.array(center, dtype=np.float32)
            for prompt, center in description.get("centers", {}).items()
        }
        self._inputs: list[str] = description["inputs"]
        self._tokenize = _tokenizer(folder, int(description["max_tokens"]))
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
        encoded = self._tokenize(texts)
        lengths = [len(tokens) for tokens in encoded]
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
        return sum(len(tokens) for tokens in self._tokenize(texts))

    def _forward(self, texts: Sequence[Sequence[int]]) -> Vectors:
        shape = (len(texts), max(len(tokens) for tokens in texts))
        padded = {name: np.zeros(shape, dtype=np.int64) for name in self._inputs}
        for row, tokens in enumerate(texts):
            padded["input_ids"][row, : len(tokens)] = tokens
            padded["attention_mask"][row, : len(tokens)] = 1
        [vectors] = self._session.run(None, padded)
        return np.asarray(vectors, dtype=np.float32)


def _tokenizer(folder: Path, max_tokens: int) -> Tokenize:
    """Return the tokenizer in `folder`: SentencePiece's model or the tokenizers library's file.

    SentencePiece holds a vocabulary of 250 000 pieces in a fifth of the other's memory.
    """
    if (folder / "sentencepiece.model").is_file():
        from sentencepiece import SentencePieceProcessor

        pieces = SentencePieceProcessor(model_file=str(folder / "sentencepiece.model"))
        start, end = pieces.bos_id(), pieces.eos_id()

        def tokenize(texts: Sequence[str]) -> Sequence[Sequence[int]]:
            plain = [" ".join(unicodedata.normalize("NFKC", text).split()) for text in texts]
            return [[start, *ids[: max_tokens - 2], end] for ids in pieces.encode(plain)]

        return tokenize
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return lambda texts: [text.ids for text in tokenizer.encode_batch(texts)]
