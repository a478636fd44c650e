"""The interface of zero-shot classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sidecar.core.validation import primary_subtag
from sidecar.embedding.batching import reading_cost

Scores = Mapping[str, float]
"""A probability for each label, in the labels' order, summing to 1."""


@dataclass(frozen=True, slots=True)
class ClassificationItem:
    """A name and its candidate labels: at least one, without duplicates."""

    name: str
    labels: tuple[str, ...]
    language: str | None = None
    """ISO 639-1 code, when the caller knows it; a hint."""


def primary_language(tag: str | None) -> str | None:
    """Return the primary subtag of a BCP 47 tag, in lower case; Norwegian is "nb"."""
    if not tag:
        return None
    primary = primary_subtag(tag)
    return "nb" if primary in {"no", "nn"} else primary


def cost_of_names(items: Sequence[ClassificationItem]) -> int:
    """Return what a model has to read of the items' names; see `reading_cost`."""
    return reading_cost([item.name for item in items])


Source = Literal["classifier", "correction"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The scores of one name, and their source."""

    scores: Scores
    source: Source

    @property
    def best(self) -> tuple[str, float]:
        """Return the label with the highest score, the first of equals, and its score."""
        return max(self.scores.items(), key=lambda scored: scored[1])


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """Scores for each item, in order, and the model that computed them."""

    scores: Sequence[Scores]
    model_id: str
    model_version: str


class ClassifierBackend(Protocol):
    """A classifier. Items of one call may have different labels."""

    @property
    def model_id(self) -> str:
        """The backend's name and its model's: "lexicon+sentence-transformers/all-MiniLM-L6-v2"."""

    @property
    def model_version(self) -> str: ...

    def cost(self, items: Sequence[ClassificationItem]) -> int:
        """Return what a call with these items has to read, as `reading_cost` counts it."""

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Return one Scores for each item, in order. Calls may overlap."""
