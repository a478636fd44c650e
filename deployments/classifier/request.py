"""What the categorize endpoints take and answer."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.classifier.backend import Item, Scores
from deployments.embedder.bounds import Id, NotBlank, at_most, distinct

MAX_NAME_CHARACTERS: Final = 500
MAX_LABELS: Final = 100
MAX_LABEL_CHARACTERS: Final = 200
MAX_ITEMS: Final = 500

HIGH_CONFIDENCE: Final = 0.80
MEDIUM_CONFIDENCE: Final = 0.50

ConfidenceLevel = Literal["high", "medium", "low"]

Name = Annotated[str, at_most(MAX_NAME_CHARACTERS, "characters of a name"), NotBlank]
Label = Annotated[str, at_most(MAX_LABEL_CHARACTERS, "characters of a label"), NotBlank]
Labels = Annotated[
    tuple[Label, ...],
    Field(min_length=1, max_length=MAX_LABELS),
    distinct("labels", str.strip),
]


class Categorize(BaseModel):
    """One name and the labels to choose from."""

    model_config = ConfigDict(frozen=True)

    item_name: Name
    candidate_labels: Labels

    def items(self) -> tuple[Item, ...]:
        return (Item(self.item_name, self.candidate_labels),)


class NamedItem(BaseModel):
    """A name, and the caller's id for it."""

    model_config = ConfigDict(frozen=True)

    id: Id
    name: Name


class CategorizeBatch(BaseModel):
    """Several names and the labels to choose from."""

    model_config = ConfigDict(frozen=True)

    items: Annotated[
        tuple[NamedItem, ...],
        at_most(MAX_ITEMS, "items"),
        Field(min_length=1),
        distinct("ids", attrgetter("id")),
    ]
    candidate_labels: Labels

    def classifier_items(self) -> tuple[Item, ...]:
        return tuple(Item(item.name, self.candidate_labels) for item in self.items)


def category(scores: Scores) -> tuple[str, float]:
    """The best label and its probability; of equals the first."""
    return max(scores.items(), key=lambda scored: scored[1])


def corrected(labels: Sequence[str], label: str) -> Scores:
    """The scores of a name that a person has settled: all of it on `label`."""
    return {candidate: float(candidate == label) for candidate in labels}


def confidence_level(confidence: float) -> ConfidenceLevel:
    if confidence >= HIGH_CONFIDENCE:
        return "high"
    return "medium" if confidence >= MEDIUM_CONFIDENCE else "low"


def answer(scores: Scores, processing_time_ms: float) -> dict[str, Any]:
    """The payload of categorize."""
    label, confidence = category(scores)
    return {
        "category": label,
        "confidence": confidence,
        "confidence_level": confidence_level(confidence),
        "all_scores": dict(scores),
        "processing_time_ms": processing_time_ms,
    }


def batch_answer(
    items: Sequence[NamedItem], scores: Sequence[Scores], processing_time_ms: float
) -> dict[str, Any]:
    """The payload of categorize-batch; `scores` in the items' order."""
    return {
        "predictions": [_prediction(i, s) for i, s in zip(items, scores, strict=True)],
        "processing_time_ms": processing_time_ms,
    }


def _prediction(item: NamedItem, scores: Scores) -> dict[str, Any]:
    label, confidence = category(scores)
    return {
        "id": item.id,
        "name": item.name,
        "predicted_category": label,
        "confidence": confidence,
        "confidence_level": confidence_level(confidence),
        "all_scores": dict(scores),
    }
