"""Categories from the embedder's vectors and the project's own taxonomy; no other model.

A name is placed among the sub-categories of the taxonomy by its likeness to their products, the
sub-categories among the caller's labels, and the two are multiplied:

    p(label | name) = sum over sub-categories of p(sub-category | name) p(label | sub-category)

A label that is another name of a taxonomy's category (data/labels.toml) takes its sub-categories;
any other label takes those it is alike in meaning, so labels never seen before work too.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.embedding.cache import Embed
from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import CATCH_ALL, Taxonomy

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The constants below are all there is to fit. They were set on one shop's names with ten, eighteen
# and a hundred labels at once; accuracy is flat around them (bench/text.py).
_NAME_SHARPNESS: Final = 20.0  # of likeness to products, per unit of cosine
_LABEL_SHARPNESS: Final = 20.0  # of likeness between labels and sub-categories
_BACKGROUND_COSINE: Final = 0.35  # names no nearer than this to products are strangers ...
_BACKGROUND_PRODUCTS: Final = 20.0  # ... and weigh as this many products of no category
# Of a label that names the sub-category itself, and the wider categories one after the other: the
# narrowest label wins.
_KNOWN_AFFINITY: Final = (0.8, 0.7, 0.6, 0.5, 0.4)
_CATCH_ALL_AFFINITY: Final = 0.35  # what "other" takes when no label is nearer
_CENTERING: Final = (
    0.5  # share of a label's mean likeness taken off: broad words are like everything
)
_NEAREST_PRODUCTS: Final = 3
_DIRECT_SHARE: Final = 0.2  # of the likeness of name and label, when the taxonomy knows no label
_CONFIDENCE: Final = 1.4  # exponent that makes the probabilities mean accuracy
_LABEL_SETS: Final = 256  # kept compiled


@dataclass(frozen=True, slots=True)
class _LabelSet:
    """What depends on the labels alone."""

    share: Doubles  # (sub-categories, labels), rows sum to 1
    vectors: Floats  # (labels, dimension); the catch-all is the mean of the others
    direct: float  # weight of the likeness of name and label


class TaxonomyClassifier:
    """The default backend; for one event loop."""

    def __init__(
        self,
        embed: Embed,
        taxonomy: Taxonomy,
        vectors: Floats,
        model_id: str,
        model_version: str,
    ) -> None:
        """`vectors` are what `embed` makes of `exemplars(taxonomy)`, which takes a while and is
        worth keeping; the model's id and version are `embed`'s own.
        """
        self._embed = embed
        self._taxonomy = taxonomy
        sizes = [len(sub.products) for sub in taxonomy.subcategories]
        self._starts = np.cumsum([0, *sizes])[:-1]
        self._products, self._names, self._categories = np.split(
            vectors, [sum(sizes), sum(sizes) + len(sizes)]
        )
        self._compiled: LRUCache[tuple[str, ...], _LabelSet] = LRUCache(_LABEL_SETS)
        self.model_id: Final = f"lexicon+{model_id}"
        self.model_version: Final = f"{model_version}-{digest(taxonomy)}"

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Scores for each item; a repeated name or label set is worked out once."""
        if not items:
            return []
        names = list(dict.fromkeys(item.name for item in items))
        row = {name: position for position, name in enumerate(names)}
        vectors = await self._embed([product_key(name) or name for name in names])
        placed, known = self._placed(vectors)
        scores: list[Scores] = [{} for _ in items]
        for labels in dict.fromkeys(item.labels for item in items):
            at = [position for position, item in enumerate(items) if item.labels == labels]
            rows = [row[items[position].name] for position in at]
            compiled = await self._labels(labels)
            matrix = _probabilities(compiled, vectors[rows], placed[rows], known[rows])
            for position, line in zip(at, matrix.tolist(), strict=True):
                scores[position] = dict(zip(labels, line, strict=True))
        return scores

    async def _labels(self, labels: tuple[str, ...]) -> _LabelSet:
        compiled = self._compiled.get(labels)
        if compiled is None:
            compiled = self._compile(labels, await self._embed(labels))
            self._compiled[labels] = compiled
        return compiled

    def _placed(self, vectors: Floats) -> tuple[Floats, Floats]:
        """p(sub-category | name), (n, sub-categories), and p(it is a grocery at all), (n, 1)."""
        weights = np.exp(_NAME_SHARPNESS * (vectors @ self._products.T))
        mass = np.add.reduceat(weights, self._starts, axis=1)
        total = mass.sum(axis=1, keepdims=True)
        background = _BACKGROUND_PRODUCTS * np.exp(_NAME_SHARPNESS * _BACKGROUND_COSINE)
        return mass / total, total / (total + background)

    def _compile(self, labels: tuple[str, ...], vectors: Floats) -> _LabelSet:
        meanings = [self._taxonomy.meaning(label) for label in labels]
        vectors = vectors.copy()
        affinity = self._likeness(vectors)
        for row, meaning in enumerate(meanings):
            if meaning == CATCH_ALL:
                affinity[row] = _CATCH_ALL_AFFINITY
            elif meaning is not None:
                np.maximum(affinity[row], self._membership(meaning), out=affinity[row])
        ordinary = [row for row, meaning in enumerate(meanings) if meaning != CATCH_ALL]
        if ordinary:
            rest = [row for row in range(len(labels)) if row not in ordinary]
            vectors[rest] = vectors[ordinary].mean(axis=0)
        unknown = meanings.count(None) / len(labels)
        return _LabelSet(_softmax(_LABEL_SHARPNESS * affinity.T), vectors, _DIRECT_SHARE * unknown)

    def _likeness(self, labels: Floats) -> Doubles:
        """Likeness of meaning, (labels, sub-categories), centred.

        The mean of three: to the sub-category's name, to its nearest products, and to the wider
        category that is most alike.
        """
        to_products = labels @ self._products.T
        to_wider = labels @ self._categories.T
        place = {name: column for column, name in enumerate(self._taxonomy.categories)}
        nearest, wider = np.empty((2, len(labels), len(self._starts)))
        parts = np.split(to_products, self._starts[1:], axis=1)
        for column, (sub, part) in enumerate(zip(self._taxonomy.subcategories, parts, strict=True)):
            count = min(_NEAREST_PRODUCTS, part.shape[1])
            nearest[:, column] = np.partition(part, -count, axis=1)[:, -count:].mean(axis=1)
            wider[:, column] = to_wider[:, [place[name] for name in sub.within]].max(axis=1)
        likeness = (labels @ self._names.T + nearest + wider) / 3
        centre: Doubles = likeness.mean(axis=1, keepdims=True)
        return likeness - _CENTERING * centre

    def _membership(self, meaning: str) -> Doubles:
        """Affinity of the category `meaning` to each sub-category; 0 where it has no part in it."""
        paths = [(sub.name, *sub.within) for sub in self._taxonomy.subcategories]
        return np.array(
            [_KNOWN_AFFINITY[path.index(meaning)] if meaning in path else 0.0 for path in paths]
        )


def _probabilities(labels: _LabelSet, vectors: Floats, placed: Floats, known: Floats) -> Doubles:
    """(n, labels), rows summing to 1."""
    by_taxonomy = placed @ labels.share
    hedged = known * by_taxonomy + (1 - known) / by_taxonomy.shape[1]
    alike = _LABEL_SHARPNESS * (vectors @ labels.vectors.T)
    return _softmax(_CONFIDENCE * ((1 - labels.direct) * np.log(hedged) + labels.direct * alike))


def _softmax(logits: Doubles) -> Doubles:
    """Over the last axis."""
    exponentials: Doubles = np.exp(logits - logits.max(axis=-1, keepdims=True))
    total: Doubles = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / total


def exemplars(taxonomy: Taxonomy) -> Sequence[str]:
    """The texts that the backend compares with: products, sub-categories, wider categories."""
    return [
        *(product for sub in taxonomy.subcategories for product in sub.products),
        *(sub.name for sub in taxonomy.subcategories),
        *taxonomy.categories,
    ]


def digest(taxonomy: Taxonomy) -> str:
    """Changes with the taxonomy's content."""
    return hashlib.sha256(repr(taxonomy.subcategories).encode()).hexdigest()[:8]
