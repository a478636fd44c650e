"""Matches foods to a caller's catalog: by their words, and by meaning where those differ."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from sidecar.text.words import singulars

#: Cosine similarity from which 99 % of the nearest names mean the same, with grocery-e5-small.
MIN_SIMILARITY: Final = 0.6


class FoodMatch(TypedDict):
    """A food of the catalog that an ingredient line names."""

    ingredient_id: str
    name: str
    score: float
    method: Literal["words", "meaning"]


@dataclass(frozen=True, slots=True)
class CatalogMatch:
    """A food of the catalog, how surely (0 to 1) it is the one that was named, and by what."""

    ingredient_id: str
    name: str
    score: float
    method: Literal["words", "meaning"]

    def response(self) -> FoodMatch:
        """Return the match as responses show it."""
        return {
            "ingredient_id": self.ingredient_id,
            "name": self.name,
            "score": self.score,
            "method": self.method,
        }


class Catalog:
    """The foods of a catalog, by their words."""

    def __init__(self, foods: Sequence[tuple[str, str]]) -> None:
        """Index the foods, given as (id, name)."""
        self.foods = foods
        self._words = [frozenset(singulars(name)) for _, name in foods]
        self._by_word: Mapping[str, list[int]] = defaultdict(list)
        for number, names in enumerate(self._words):
            for word in names:
                self._by_word[word].append(number)

    def match_words(self, name: str) -> CatalogMatch | None:
        """Return the food all of whose words are in the name, the one with the most words.

        The score is the share of the name's words that it has.
        """
        names = frozenset(singulars(name))
        candidates = {number for word in names for number in self._by_word.get(word, ())}
        fitting = [number for number in candidates if self._words[number] <= names]
        if not fitting:
            return None
        best = max(fitting, key=lambda number: (len(self._words[number]), -number))
        score = round(len(self._words[best]) / len(names), 3)
        return CatalogMatch(*self.foods[best], score, "words")

    def match_meanings(
        self, vectors: NDArray[np.float32], names: NDArray[np.float32]
    ) -> list[CatalogMatch | None]:
        """Return the most similar food of each name, None below `MIN_SIMILARITY`.

        `vectors` are unit vectors of the catalog, of shape (foods, dimension), `names` those of the
        names.
        """
        similarities = names @ vectors.T
        best = similarities.argmax(axis=1)
        scores = [float(row[number]) for row, number in zip(similarities, best, strict=True)]
        return [
            CatalogMatch(*self.foods[int(number)], round(score, 3), "meaning")
            if score >= MIN_SIMILARITY
            else None
            for number, score in zip(best, scores, strict=True)
        ]
