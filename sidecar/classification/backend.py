"""What a zero-shot classifier is, whatever stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Scores = Mapping[str, float]
"""A probability for each label, in the labels' order, summing to 1."""


@dataclass(frozen=True, slots=True)
class ClassificationItem:
    """One name to put into one of its labels. Labels are distinct and at least one."""

    name: str
    labels: tuple[str, ...]


Source = Literal["classifier", "correction"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A name's scores over its labels, and where they come from."""

    scores: Scores
    source: Source

    @property
    def best(self) -> tuple[str, float]:
        """The label with the highest score, and its score; of equals the first."""
        return max(self.scores.items(), key=lambda scored: scored[1])


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """Scores for each item, in order, and the model that gave them."""

    scores: Sequence[Scores]
    model_id: str
    model_version: str


class ClassifierBackend(Protocol):
    """A classifier. Items of one call may carry different labels."""

    @property
    def model_id(self) -> str:
        """The backend's name and its model's: "lexicon+sentence-transformers/all-MiniLM-L6-v2"."""
        ...

    @property
    def model_version(self) -> str: ...

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """One Scores for each item, in order."""
        ...
