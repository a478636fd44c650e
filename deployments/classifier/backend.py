"""What a zero-shot classifier is, whatever stands behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Scores = Mapping[str, float]
"""A probability for each label, in the labels' order, summing to 1."""


@dataclass(frozen=True, slots=True)
class Item:
    """One name to put into one of its labels. Labels are distinct and at least one."""

    name: str
    labels: tuple[str, ...]


class Backend(Protocol):
    """A classifier. Items of one call may carry different labels."""

    @property
    def name(self) -> str:
        """The setting that selects it: lexicon, nli, ..."""
        ...

    @property
    def model_id(self) -> str: ...

    @property
    def model_version(self) -> str: ...

    def classify(self, items: Sequence[Item]) -> list[Scores]:
        """One Scores for each item, in order."""
        ...
