"""Classifies with the project's own taxonomy, in any of its languages; the default backend.

A name is matched to the taxonomy's sub-categories, and these to the caller's labels:

    p(label | name) = sum over sub-categories of p(sub-category | name) p(label | sub-category)

A name that the taxonomy lists is looked up. Any other is classified by its letters (ngrams.py) and,
unless that is sure, by its meaning too: its vector's likeness to those of English products. In a
script that the letters' model has not learned, the meaning decides alone.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from cachetools import LRUCache

from sidecar.classification.backend import ClassificationItem, Scores, cost_of_names
from sidecar.classification.labels import (
    SHARPNESS,
    Doubles,
    Exemplars,
    Floats,
    LabelMatcher,
    LabelSet,
    softmax,
)
from sidecar.embedding.batching import reading_cost
from sidecar.embedding.cache import Embed
from sidecar.text.lexicon import Lexicon
from sidecar.text.ngrams import NgramModel, features
from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import Taxonomy

# The constants were set on one shop's names with ten, eighteen and 120 labels; accuracy is flat
# around them (docs/benchmarks/classification.md).
_SIMILARITY_SHARPNESS: Final = 20.0  # of similarity to products, per unit of cosine
_NGRAM_SHARE: Final = 0.5  # of the n-grams' log-probabilities, beside those of the meaning
_SURE: Final = 0.9  # from this probability on the n-grams decide alone
_LISTED: Final = 0.95  # of a listed name to be what it is listed as
# Calibration with ten labels, and its change per unit of log(labels / 10):
_EXPONENT: Final = 1.7
_EXPONENT_BY_LABELS: Final = -0.16  # only downwards
_DOUBT: Final = 0.045  # share of the scores that is the same for all labels: nothing is that sure
_DOUBT_BY_LABELS: Final = 0.035
_CACHED_LABEL_SETS: Final = 256

_Name = tuple[str, str | None]  # a name and its language


class TaxonomyClassifier:
    """The default backend; for one event loop."""

    def __init__(
        self,
        embed: Embed,
        taxonomy: Taxonomy,
        lexicon: Lexicon,
        ngrams: NgramModel,
        exemplars: Exemplars,
        model_id: str,
        model_version: str,
    ) -> None:
        """`exemplars` are of vectors that `embed` returns; the id and version are of it all."""
        self._embed = embed
        self._lexicon = lexicon
        self._ngrams = ngrams
        self._exemplars = exemplars
        self._labels = LabelMatcher(taxonomy, lexicon, exemplars)
        self._column = {sub.name: column for column, sub in enumerate(taxonomy.subcategories)}
        self._label_sets: LRUCache[tuple[tuple[str, ...], str | None], LabelSet] = LRUCache(
            _CACHED_LABEL_SETS
        )
        self.model_id: Final = model_id
        self.model_version: Final = model_version

    def cost(self, items: Sequence[ClassificationItem]) -> int:
        """Return what a call with these items has to read, as `reading_cost` counts it: names, and
        labels that are new.
        """
        new = {(item.labels, item.language) for item in items} - self._label_sets.keys()
        return cost_of_names(items) + sum(reading_cost(labels) for labels, _ in new)

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Return scores for each item; a repeated name or label set is computed once."""
        if not items:
            return []
        names = list(dict.fromkeys((item.name, item.language) for item in items))
        row_of = {name: row for row, name in enumerate(names)}
        label_sets = {
            key: await self._label_set(*key)
            for key in dict.fromkeys((item.labels, item.language) for item in items)
        }
        meanings = any(label_set.direct for label_set in label_sets.values())
        p_subcategory, vectors = await self._match(names, meanings)
        scores: list[Scores] = [{} for _ in items]
        for (labels, language), label_set in label_sets.items():
            positions = [
                at
                for at, item in enumerate(items)
                if item.labels == labels and item.language == language
            ]
            rows = [row_of[items[at].name, language] for at in positions]
            matrix = _probabilities(label_set, vectors[rows], p_subcategory[rows])
            for at, row in zip(positions, matrix.tolist(), strict=True):
                scores[at] = dict(zip(labels, row, strict=True))
        return scores

    async def _label_set(self, labels: tuple[str, ...], language: str | None) -> LabelSet:
        label_set = self._label_sets.get((labels, language))
        if label_set is None:
            p_subcategory, vectors = await self._match(
                [(label, language) for label in labels], True
            )
            label_set = self._labels.label_set(labels, language, vectors, p_subcategory)
            self._label_sets[labels, language] = label_set
        return label_set

    async def _match(self, names: Sequence[_Name], all_vectors: bool) -> tuple[Doubles, Floats]:
        """Return p(sub-category | name), (names, sub-categories), and centered vectors, (names,
        dimension). Without `all_vectors` those that the first doesn't need are zeros.
        """
        readings = [_readings(name) for name, _ in names]
        logs = self._surest_reading(readings)
        listed = [
            self._listed(spellings, language)
            for spellings, (_, language) in zip(readings, names, strict=True)
        ]
        is_listed = np.array([row is not None for row in listed])
        unsure = ~is_listed & (logs.max(axis=1) < np.log(_SURE))
        needed = np.flatnonzero(np.full(len(names), True) if all_vectors else unsure)
        vectors = np.zeros((len(names), len(self._exemplars.center)), dtype=np.float32)
        if needed.size:
            embedded = await self._embed([readings[row][-1] for row in needed])
            vectors[needed] = self._exemplars.centered(embedded)
        if unsure.any():
            by_meaning = np.log(self._similar_products(vectors[unsure]))
            spelled = [any(map(features, readings[row])) for row in np.flatnonzero(unsure)]
            share = np.where(spelled, _NGRAM_SHARE, 0.0)[:, None]
            logs[unsure] = share * logs[unsure] + (1 - share) * by_meaning
        p_subcategory = softmax(logs)
        for row, known in enumerate(listed):
            if known is not None:
                p_subcategory[row] = _LISTED * known + (1 - _LISTED) * p_subcategory[row]
        return p_subcategory, vectors

    def _surest_reading(self, readings: Sequence[Sequence[str]]) -> Doubles:
        """Return log p(sub-category | name) of each name's reading that the n-grams know best."""
        spellings = list(dict.fromkeys(spelling for own in readings for spelling in own))
        logs = self._ngrams.log_probabilities(spellings).astype(np.float64)
        row_of = {spelling: row for row, spelling in enumerate(spellings)}
        peaks = logs.max(axis=1)
        surest = [max((row_of[s] for s in own), key=lambda row: peaks[row]) for own in readings]
        return logs[surest]

    def _listed(self, spellings: Sequence[str], language: str | None) -> Doubles | None:
        for spelling in spellings:
            if found := self._lexicon.product(spelling, language):
                known = np.zeros(len(self._column))
                for name, weight in found.items():
                    known[self._column[name]] = weight
                return known
        return None

    def _similar_products(self, vectors: Floats) -> Doubles:
        """Return p(sub-category | name) by likeness to products, (names, sub-categories)."""
        cosines = (vectors @ self._exemplars.products.T).astype(np.float64)
        weights = np.exp(_SIMILARITY_SHARPNESS * cosines)
        mass = np.add.reduceat(weights, self._exemplars.starts, axis=1)
        p_subcategory: Doubles = mass / mass.sum(axis=1, keepdims=True)
        return p_subcategory + 1e-6


def _probabilities(labels: LabelSet, vectors: Floats, p_subcategory: Doubles) -> Doubles:
    """Return p(label | name), (n, labels)."""
    logs = np.log(p_subcategory @ labels.p_label)
    similarity = SHARPNESS * (vectors @ labels.vectors.T)
    count = logs.shape[1]
    more = math.log(count / 10)
    exponent = _EXPONENT + _EXPONENT_BY_LABELS * max(0.0, more)
    doubt = max(0.0, _DOUBT + _DOUBT_BY_LABELS * more)
    scores: Doubles = softmax(exponent * ((1 - labels.direct) * logs + labels.direct * similarity))
    scores *= 1 - doubt
    scores += doubt / count
    return scores


def _readings(name: str) -> tuple[str, ...]:
    """Return the name as written, and with English abbreviations expanded and without sizes."""
    return tuple(dict.fromkeys((name, product_key(name) or name)))
