"""Relates the caller's labels to the sub-categories: p(label | sub-category).

A label in any of the taxonomy's languages that names a category gets the category's sub-categories,
and so does one that lists several ("Fleisch und Fisch"). Any other label gets those that it would
be classified into itself, and those of similar meaning, so arbitrary labels work too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.embedding.model import centered
from sidecar.text.folding import fold
from sidecar.text.lexicon import Lexicon
from sidecar.text.taxonomy import CATCH_ALL, Taxonomy

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

# The constants were set on one shop's names with ten, eighteen and 120 labels; accuracy is flat
# around them (docs/benchmarks/classification.md).
SHARPNESS: Final = 20.0  # of affinities, and of similarities between names and labels
# Callers cut their labels otherwise than the taxonomy does: in some sub-categories a label of less
# affinity gets the name too, the likelier the more such labels there are.
_OTHERWISE_CUT: Final = 0.3  # share of p(label | sub-category) with the lesser sharpness
_OTHERWISE_SHARPNESS: Final = 6.0
# Affinity of a label that names the sub-category itself, or its wider categories, narrowest first:
# the narrowest label wins.
_KNOWN_AFFINITY: Final = (0.8, 0.7, 0.6, 0.5, 0.4)
_CATCH_ALL_AFFINITY: Final = 0.35  # of the catch-all label; it wins when no label is closer
_CLASSIFIED_AFFINITY: Final = 0.4  # of an unknown label to a sub-category that it is certain to be
_CENTERING: Final = 0.5  # subtracted share of a label's mean: broad words resemble everything
_NEAREST_PRODUCTS: Final = 3
_DIRECT_SHARE: Final = 0.2  # of the name-label similarity, when the taxonomy knows no label
_SEPARATOR: Final = re.compile(r"[&/,;+|・、·]")  # between the parts of a label
_WORD: Final = re.compile(r"[^\W_]+")
_LONGEST_CONJUNCTION: Final = 3  # letters: and, und, et, y, och, en, и


@dataclass(frozen=True, slots=True)
class Exemplars:
    """Centered unit vectors that stand for the sub-categories."""

    products: Floats  # (products, dimension), by sub-category
    starts: NDArray[np.intp]  # the first product of each sub-category
    names: Floats  # (sub-categories, dimension)
    categories: Floats  # (wider categories, dimension)
    center: Floats  # (dimension,)

    def centered(self, vectors: Floats) -> Floats:
        """Return unit vectors of the differences to the products' mean."""
        return centered(vectors, self.center)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """What depends on the labels alone."""

    p_label: Doubles  # p(label | sub-category), (sub-categories, labels)
    vectors: Floats  # (labels, dimension); the catch-all label's is the mean of the others
    direct: float  # weight of the name-label similarity


class LabelMatcher:
    """Creates label sets."""

    def __init__(self, taxonomy: Taxonomy, lexicon: Lexicon, exemplars: Exemplars) -> None:
        self._taxonomy = taxonomy
        self._lexicon = lexicon
        self._exemplars = exemplars
        self._paths = [(sub.name, *sub.within) for sub in taxonomy.subcategories]

    def label_set(
        self,
        labels: Sequence[str],
        language: str | None,
        vectors: Floats,
        p_subcategory: Doubles,
    ) -> LabelSet:
        """Return the label set.

        `vectors` are the labels', centered, (labels, dimension); `p_subcategory` is
        p(sub-category | label), (labels, sub-categories), the labels taken as names.
        """
        named = [self._named(label, language) for label in labels]
        affinity = self._similarity(vectors)
        for row, categories in enumerate(named):
            if not categories:
                affinity[row] += _CLASSIFIED_AFFINITY * p_subcategory[row]
            for category in categories:
                if category == CATCH_ALL:
                    affinity[row] = _CATCH_ALL_AFFINITY
                else:
                    np.maximum(affinity[row], self._membership(category), out=affinity[row])
        vectors = vectors.copy()
        is_catch_all = np.array([CATCH_ALL in categories for categories in named])
        if not is_catch_all.all():
            vectors[is_catch_all] = vectors[~is_catch_all].mean(axis=0)
        unknown = named.count([]) / len(labels)
        return LabelSet(_p_label(affinity.T), vectors, _DIRECT_SHARE * unknown)

    def _named(self, label: str, language: str | None) -> list[str]:
        """Return the categories that the label names or lists; none for an unknown label."""
        whole = self._lexicon.label(label, language)
        if whole is not None:
            return [whole]
        parts = [part for piece in _SEPARATOR.split(label) for part in self._parts(piece, language)]
        categories = [self._lexicon.label(part, language) for part in parts]
        if None in categories or len(categories) < 2:
            return []
        return [category for category in categories if category not in (None, CATCH_ALL)]

    def _parts(self, label: str, language: str | None) -> list[str]:
        """Return what stands between conjunctions: short words that name no category."""
        parts: list[list[str]] = [[]]
        for word in _WORD.findall(fold(label)):
            if len(word) > _LONGEST_CONJUNCTION or self._lexicon.label(word, language):
                parts[-1].append(word)
            else:
                parts.append([])
        return [" ".join(words) for words in parts if words]

    def _similarity(self, labels: Floats) -> Doubles:
        """Return the centered similarity in meaning, (labels, sub-categories).

        It is the mean of the similarities to the sub-category's name, to its nearest products, and
        to the most similar of its wider categories.
        """
        exemplars = self._exemplars
        to_products = labels @ exemplars.products.T
        to_wider = labels @ exemplars.categories.T
        column_of = {name: column for column, name in enumerate(self._taxonomy.categories)}
        nearest, wider = np.empty((2, len(labels), len(exemplars.starts)))
        parts = np.split(to_products, exemplars.starts[1:], axis=1)
        for column, (sub, part) in enumerate(zip(self._taxonomy.subcategories, parts, strict=True)):
            count = min(_NEAREST_PRODUCTS, part.shape[1])
            nearest[:, column] = np.partition(part, -count, axis=1)[:, -count:].mean(axis=1)
            wider[:, column] = to_wider[:, [column_of[name] for name in sub.within]].max(axis=1)
        similarity = (labels @ exemplars.names.T + nearest + wider) / 3
        mean: Doubles = similarity.mean(axis=1, keepdims=True)
        return similarity - _CENTERING * mean

    def _membership(self, category: str) -> Doubles:
        """Return the affinity of `category` to each sub-category, 0 for those outside it."""
        return np.array(
            [
                _KNOWN_AFFINITY[path.index(category)] if category in path else 0.0
                for path in self._paths
            ]
        )


def _p_label(affinity: Doubles) -> Doubles:
    """Return p(label | sub-category) from affinities, (sub-categories, labels)."""
    sharp, flat = softmax(SHARPNESS * affinity), softmax(_OTHERWISE_SHARPNESS * affinity)
    return (1 - _OTHERWISE_CUT) * sharp + _OTHERWISE_CUT * flat


def softmax(logits: Doubles) -> Doubles:
    """Return probabilities along the last axis."""
    exponentials: Doubles = np.exp(logits - logits.max(axis=-1, keepdims=True))
    total: Doubles = exponentials.sum(axis=-1, keepdims=True)
    return exponentials / total
