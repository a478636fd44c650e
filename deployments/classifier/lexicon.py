"""Categories from the embedder's vectors and the project's own taxonomy; no other model.

A name is placed among the sub-categories of the taxonomy by its likeness to their products, the
sub-categories among the caller's labels, and the two are multiplied:

    p(label | name) = sum over sub-categories of p(sub-category | name) p(label | sub-category)

A label that is another name of a taxonomy's category (data/labels.toml) takes its sub-categories;
any other label takes those it is alike in meaning, so labels never seen before work too.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deployments.classifier.backend import Item, Scores
from deployments.classifier.normaliser import subject
from deployments.classifier.taxonomy import CATCH_ALL, Subcategory, Taxonomy

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


class Lexicon:
    """The default backend. Not thread-safe where `embed` is not."""

    name: Final = "lexicon"

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Floats],
        taxonomy: Taxonomy,
        model_id: str,
        model_version: str,
    ) -> None:
        """`embed` gives unit vectors (n, dimension); the model's id and version are its own.

        Embeds every product of the taxonomy once.
        """
        self._embed = embed
        self._taxonomy = taxonomy
        subcategories = taxonomy.subcategories
        self._products = embed([product for sub in subcategories for product in sub.products])
        self._starts = np.cumsum([0, *(len(sub.products) for sub in subcategories)])[:-1]
        self._names = embed([sub.name for sub in subcategories])
        self._categories = embed(taxonomy.categories)
        self._labels = lru_cache(maxsize=_LABEL_SETS)(self._compile)
        self.model_id: Final = model_id
        self.model_version: Final = f"{model_version}-{_digest(subcategories)}"

    def classify(self, items: Sequence[Item]) -> list[Scores]:
        """Scores for each item; a repeated name or label set is worked out once."""
        if not items:
            return []
        names = list(dict.fromkeys(item.name for item in items))
        row = {name: position for position, name in enumerate(names)}
        vectors = self._embed([subject(name) or name for name in names])
        placed, known = self._placed(vectors)
        scores: list[Scores] = [{} for _ in items]
        for labels in dict.fromkeys(item.labels for item in items):
            at = [position for position, item in enumerate(items) if item.labels == labels]
            rows = [row[items[position].name] for position in at]
            matrix = _probabilities(self._labels(labels), vectors[rows], placed[rows], known[rows])
            for position, line in zip(at, matrix.tolist(), strict=True):
                scores[position] = dict(zip(labels, line, strict=True))
        return scores

    def _placed(self, vectors: Floats) -> tuple[Floats, Floats]:
        """p(sub-category | name), (n, sub-categories), and p(it is a grocery at all), (n, 1)."""
        weights = np.exp(_NAME_SHARPNESS * (vectors @ self._products.T))
        mass = np.add.reduceat(weights, self._starts, axis=1)
        total = mass.sum(axis=1, keepdims=True)
        background = _BACKGROUND_PRODUCTS * np.exp(_NAME_SHARPNESS * _BACKGROUND_COSINE)
        return mass / total, total / (total + background)

    def _compile(self, labels: tuple[str, ...]) -> _LabelSet:
        meanings = [self._taxonomy.meaning(label) for label in labels]
        vectors = self._embed(labels).copy()
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


def _digest(subcategories: Iterable[Subcategory]) -> str:
    return hashlib.sha256(repr(tuple(subcategories)).encode()).hexdigest()[:8]
