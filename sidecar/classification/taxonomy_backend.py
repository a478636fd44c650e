"""Classifies with the embedding model and the project's own taxonomy; no other model.

A name is matched to the taxonomy's sub-categories by its similarity to their products, and the
sub-categories are matched to the caller's labels:

    p(label | name) = sum over sub-categories of p(sub-category | name) p(label | sub-category)

A label that names a category of the taxonomy (data/labels.toml) gets the category's sub-categories;
any other label gets those of similar meaning, so arbitrary labels work too.
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

# The fitted constants. They were set on one shop's names with ten, eighteen and a hundred labels;
# accuracy is flat around them (bench/classification.py).
_NAME_SHARPNESS: Final = 20.0  # of similarity to products, per unit of cosine
_LABEL_SHARPNESS: Final = 20.0  # of similarity between labels and sub-categories
_BACKGROUND_COSINE: Final = 0.35  # a name below this cosine to every product is no grocery ...
_BACKGROUND_PRODUCTS: Final = 20.0  # ... the background weighs as much as this many products
# Affinity of a label that names the sub-category itself, or its wider categories, narrowest first:
# the narrowest label wins.
_KNOWN_AFFINITY: Final = (0.8, 0.7, 0.6, 0.5, 0.4)
_CATCH_ALL_AFFINITY: Final = 0.35  # of the catch-all label; it wins when no label is closer
_CENTERING: Final = 0.5  # subtracted share of a label's mean: broad words resemble everything
_NEAREST_PRODUCTS: Final = 3
_DIRECT_SHARE: Final = 0.2  # of the name-label similarity, when the taxonomy knows no label
_CONFIDENCE: Final = 1.4  # exponent that calibrates probabilities to accuracy
_CACHED_LABEL_SETS: Final = 256


@dataclass(frozen=True, slots=True)
class _LabelSet:
    """Values that depend on the labels alone."""

    p_label: Doubles  # p(label | sub-category), (sub-categories, labels)
    vectors: Floats  # (labels, dimension); the catch-all label's is the mean of the others
    direct: float  # weight of the name-label similarity


class TaxonomyClassifier:
    """The default backend; for one event loop."""

    def __init__(
        self, embed: Embed, taxonomy: Taxonomy, vectors: Floats, model_id: str, model_version: str
    ) -> None:
        """Create a classifier from the vectors that `embed` returns for `exemplars(taxonomy)`.

        Embedding them takes seconds, so callers store them. `model_id` and `model_version` are
        those of `embed`.
        """
        self._embed = embed
        self._taxonomy = taxonomy
        sizes = [len(sub.products) for sub in taxonomy.subcategories]
        self._starts = np.cumsum([0, *sizes])[:-1]
        self._products, self._names, self._categories = np.split(
            vectors, [sum(sizes), sum(sizes) + len(sizes)]
        )
        self._label_sets: LRUCache[tuple[str, ...], _LabelSet] = LRUCache(_CACHED_LABEL_SETS)
        self.model_id: Final = f"lexicon+{model_id}"
        self.model_version: Final = f"{model_version}-{taxonomy_digest(taxonomy)}"

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Return scores for each item; a repeated name or label set is computed once."""
        if not items:
            return []
        names = list(dict.fromkeys(item.name for item in items))
        row_of = {name: row for row, name in enumerate(names)}
        vectors = await self._embed([product_key(name) or name for name in names])
        p_subcategory, p_grocery = self._match_products(vectors)
        scores: list[Scores] = [{} for _ in items]
        for labels in dict.fromkeys(item.labels for item in items):
            positions = [at for at, item in enumerate(items) if item.labels == labels]
            rows = [row_of[items[at].name] for at in positions]
            label_set = await self._label_set(labels)
            matrix = _probabilities(label_set, vectors[rows], p_subcategory[rows], p_grocery[rows])
            for at, row in zip(positions, matrix.tolist(), strict=True):
                scores[at] = dict(zip(labels, row, strict=True))
        return scores

    async def _label_set(self, labels: tuple[str, ...]) -> _LabelSet:
        label_set = self._label_sets.get(labels)
        if label_set is None:
            label_set = self._create_label_set(labels, await self._embed(labels))
            self._label_sets[labels] = label_set
        return label_set

    def _match_products(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Return p(sub-category | name), (n, sub-categories), and p(it is a grocery), (n, 1)."""
        weights = np.exp(_NAME_SHARPNESS * (vectors @ self._products.T))
        mass = np.add.reduceat(weights, self._starts, axis=1)
        total = mass.sum(axis=1, keepdims=True)
        background = _BACKGROUND_PRODUCTS * np.exp(_NAME_SHARPNESS * _BACKGROUND_COSINE)
        return mass / total, total / (total + background)

    def _create_label_set(self, labels: tuple[str, ...], vectors: Floats) -> _LabelSet:
        categories = [self._taxonomy.category_of(label) for label in labels]
        vectors = vectors.copy()
        affinity = self._similarity(vectors)
        for row, category in enumerate(categories):
            if category == CATCH_ALL:
                affinity[row] = _CATCH_ALL_AFFINITY
            elif category is not None:
                np.maximum(affinity[row], self._membership(category), out=affinity[row])
        is_catch_all = np.array([category == CATCH_ALL for category in categories])
        if not is_catch_all.all():
            vectors[is_catch_all] = vectors[~is_catch_all].mean(axis=0)
        unknown = categories.count(None) / len(labels)
        return _LabelSet(_softmax(_LABEL_SHARPNESS * affinity.T), vectors, _DIRECT_SHARE * unknown)

    def _similarity(self, labels: Floats) -> Doubles:
        """Return the centered similarity in meaning, (labels, sub-categories).

        It is the mean of the similarities to the sub-category's name, to its nearest products, and
        to the most similar of its wider categories.
        """
        to_products = labels @ self._products.T
        to_wider = labels @ self._categories.T
        column_of = {name: column for column, name in enumerate(self._taxonomy.categories)}
        nearest, wider = np.empty((2, len(labels), len(self._starts)))
        parts = np.split(to_products, self._starts[1:], axis=1)
        for column, (sub, part) in enumerate(zip(self._taxonomy.subcategories, parts, strict=True)):
            count = min(_NEAREST_PRODUCTS, part.shape[1])
            nearest[:, column] = np.partition(part, -count, axis=1)[:, -count:].mean(axis=1)
            wider[:, column] = to_wider[:, [column_of[name] for name in sub.within]].max(axis=1)
        similarity = (labels @ self._names.T + nearest + wider) / 3
        mean: Doubles = similarity.mean(axis=1, keepdims=True)
        return similarity - _CENTERING * mean

    def _membership(self, category: str) -> Doubles:
        """Return the affinity of `category` to each sub-category, 0 for those outside it."""
        paths = [(sub.name, *sub.within) for sub in self._taxonomy.subcategories]
        return np.array(
            [_KNOWN_AFFINITY[path.index(category)] if category in path else 0.0 for path in paths]
        )


def _probabilities(
    labels: _LabelSet, vectors: Floats, p_subcategory: Floats, p_grocery: Floats
) -> Doubles:
    """Return p(label | name), (n, labels)."""
    by_taxonomy = p_subcategory @ labels.p_label
    hedged = p_grocery * by_taxonomy + (1 - p_grocery) / by_taxonomy.shape[1]
    similarity = _LABEL_SHARPNESS * (vectors @ labels.vectors.T)
    return _softmax(
        _CONFIDENCE * ((1 - labels.direct) * np.log(hedged) + labels.direct * similarity)
    )


def _softmax(logits: Doubles) -> Doubles:
    exponentials: Doubles = np.exp(logits - logits.max(axis=-1, keepdims=True))
    total: Doubles = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / total


def exemplars(taxonomy: Taxonomy) -> Sequence[str]:
    """Return the products, the sub-categories and the wider categories, in that order."""
    return [
        *(product for sub in taxonomy.subcategories for product in sub.products),
        *(sub.name for sub in taxonomy.subcategories),
        *taxonomy.categories,
    ]


def taxonomy_digest(taxonomy: Taxonomy) -> str:
    """Return a hash of the taxonomy's content."""
    return hashlib.sha256(repr(taxonomy.subcategories).encode()).hexdigest()[:8]
