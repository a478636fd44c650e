"""The default embedding model: multilingual-e5-small, and what kind of product a text is.

A small multilingual model finds a foreign name's English name among 24 in 62 % of all cases. The
name model (text/ngrams.py) knows in 24 languages which sub-category a name belongs to, and with its
probabilities mixed into the vectors it is 92 %; searches across languages gain as well
(docs/benchmarks/classification.md). A text's kind is that of its first line or sentence.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import centered
from sidecar.embedding.onnx_model import OnnxEmbedder
from sidecar.text.ngrams import NgramModel

#: Part of a similarity that is the kind's. More finds more translations, and less of what a query
#: means that names no food.
_KIND_SHARE: Final = 0.2
_FIRST_SENTENCE: Final = re.compile(r"\n|[.!?。！？](?:\s|$)")
_PROJECTION_SEED: Final = 0


class GroceryEmbedder:
    """Centered unit vectors of the model, with the kind of product in random directions of them."""

    def __init__(self, model: OnnxEmbedder, names: NgramModel, name: str, version: str) -> None:
        """`name` and `version` are of both models together."""
        self._model = model
        self._names = names
        self.name: Final = name
        self.version: Final = version
        self.dimension: Final = model.dimension
        self.prompts: Final = model.prompts
        self.centers: Final[Mapping[str, Vectors]] = {}
        # Orthonormal directions: cosines of kinds stay what they are, and those to the model's own
        # vectors are near 0 (Johnson and Lindenstrauss 1984).
        generator = np.random.default_rng(_PROJECTION_SEED)
        directions = np.linalg.qr(generator.normal(size=(model.dimension, names.subcategories)))[0]
        self._directions = directions.T.astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32 of shape (len(texts), dimension), in order.

        A kind's part of the cosine is the Bhattacharyya coefficient of the sub-categories'
        probabilities.
        """
        vectors = self._model.embed(texts)
        prompts = [self._prompt_of(text) for text in texts]
        for prompt in set(prompts):
            rows = [row for row, own in enumerate(prompts) if own == prompt]
            vectors[rows] = centered(vectors[rows], self._model.centers[prompt])
        names = [
            _FIRST_SENTENCE.split(text.removeprefix(prompt), maxsplit=1)[0]
            for text, prompt in zip(texts, prompts, strict=True)
        ]
        kinds = np.exp(self._names.log_probabilities(names) / 2) @ self._directions
        mixed = np.sqrt(1 - _KIND_SHARE) * vectors + np.sqrt(_KIND_SHARE) * kinds
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        unit: Vectors = mixed.astype(np.float32)
        return unit

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""
        return self._model.count_tokens(texts)

    def _prompt_of(self, text: str) -> str:
        prompts = self._model.centers
        return next((prompt for prompt in prompts if text.startswith(prompt)), self.prompts.default)
