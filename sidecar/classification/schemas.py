"""What the categorize endpoints take and answer."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sidecar.classification.backend import Prediction
from sidecar.core.validation import Id, NotBlank, max_length, unique

MAX_NAME_CHARACTERS: Final = 500
MAX_LABELS: Final = 100
MAX_LABEL_CHARACTERS: Final = 200
MAX_ITEMS: Final = 500

HIGH_CONFIDENCE: Final = 0.80
MEDIUM_CONFIDENCE: Final = 0.50

ConfidenceLevel = Literal["high", "medium", "low"]

Name = Annotated[str, max_length(MAX_NAME_CHARACTERS, "characters of a name"), NotBlank]
Label = Annotated[str, max_length(MAX_LABEL_CHARACTERS, "characters of a label"), NotBlank]
Labels = Annotated[
    tuple[Label, ...],
    Field(min_length=1, max_length=MAX_LABELS),
    unique("labels", str.strip),
]


class CategorizeRequest(BaseModel):
    """One name and the labels to choose from."""

    model_config = ConfigDict(frozen=True)

    item_name: Name
    candidate_labels: Labels


class NamedItem(BaseModel):
    """A name, and the caller's id for it."""

    model_config = ConfigDict(frozen=True)

    id: Id
    name: Name


class CategorizeBatchRequest(BaseModel):
    """Several names and the labels to choose from."""

    model_config = ConfigDict(frozen=True)

    items: Annotated[
        tuple[NamedItem, ...],
        max_length(MAX_ITEMS, "items"),
        Field(min_length=1),
        unique("ids", attrgetter("id")),
    ]
    candidate_labels: Labels


def confidence_level(confidence: float) -> ConfidenceLevel:
    if confidence >= HIGH_CONFIDENCE:
        return "high"
    return "medium" if confidence >= MEDIUM_CONFIDENCE else "low"


def categorize_response(predictions: Prediction, processing_time_ms: float) -> dict[str, Any]:
    """The payload of categorize."""
    return {
        "category": predictions.best[0],
        **_confidence_fields(predictions),
        "processing_time_ms": round(processing_time_ms, 1),
    }


def categorize_batch_response(
    items: Sequence[NamedItem], predictions: Sequence[Prediction], processing_time_ms: float
) -> dict[str, Any]:
    """The payload of categorize-batch; `predictions` in the items' order."""
    return {
        "predictions": [
            {
                "id": item.id,
                "name": item.name,
                "predicted_category": one.best[0],
                **_confidence_fields(one),
            }
            for item, one in zip(items, predictions, strict=True)
        ],
        "processing_time_ms": round(processing_time_ms, 1),
    }


def _confidence_fields(predictions: Prediction) -> dict[str, Any]:
    _, confidence = predictions.best
    return {
        "confidence": confidence,
        "confidence_level": confidence_level(confidence),
        "all_scores": dict(predictions.scores),
        "source": predictions.source,
    }
