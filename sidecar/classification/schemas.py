"""Requests and responses of the categorize endpoints."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Final, Literal

from pydantic import Field
from typing_extensions import TypedDict

from sidecar.classification.backend import Prediction, Source
from sidecar.core.validation import FailFastModel, Id, LanguageTag, NotBlank, max_length, unique

MAX_NAME_CHARACTERS: Final = 500
MAX_LABELS: Final = 100
MAX_LABEL_CHARACTERS: Final = 200
MAX_ITEMS: Final = 500

HIGH_CONFIDENCE: Final = 0.80
MEDIUM_CONFIDENCE: Final = 0.50

Name = Annotated[str, max_length(MAX_NAME_CHARACTERS, "characters of a name"), NotBlank]
Label = Annotated[str, max_length(MAX_LABEL_CHARACTERS, "characters of a label"), NotBlank]
Labels = Annotated[
    tuple[Label, ...], Field(min_length=1, max_length=MAX_LABELS), unique("labels", str.strip)
]


#: What a grocery list is sorted into where a request names no labels.
DEFAULT_LABELS: Final = (
    "Produce",
    "Dairy",
    "Meat & Seafood",
    "Bakery",
    "Frozen",
    "Pantry",
    "Beverages",
    "Snacks",
    "Household",
    "Other",
)
OptionalLabels = Annotated[
    Labels, Field(description="Without them: ten departments of a supermarket.")
]
_MAX_TAG_CHARACTERS: Final = 35

Language = Annotated[
    Annotated[LanguageTag, Field(max_length=_MAX_TAG_CHARACTERS)] | None,
    Field(
        description="A hint: the language of the names and labels, as a BCP 47 tag. Without it "
        "every language is tried."
    ),
]


class CategorizeRequest(FailFastModel, frozen=True):
    item_name: Name
    candidate_labels: OptionalLabels = DEFAULT_LABELS
    language: Language = None


class NamedItem(FailFastModel, frozen=True):
    id: Id  # the caller's
    name: Name


class CategorizeBatchRequest(FailFastModel, frozen=True):
    items: Annotated[
        tuple[NamedItem, ...],
        max_length(MAX_ITEMS, "items"),
        Field(min_length=1),
        unique("ids", attrgetter("id")),
    ]
    candidate_labels: OptionalLabels = DEFAULT_LABELS
    language: Language = None


class _ConfidenceFields(TypedDict):
    confidence: float
    confidence_level: Literal["high", "medium", "low"]
    all_scores: dict[str, float]
    source: Source


class Category(_ConfidenceFields):
    """The category of a name."""

    category: str
    processing_time_ms: int


class ItemCategory(_ConfidenceFields):
    """The category of one item."""

    id: str | int
    name: str
    predicted_category: str


class Categories(TypedDict):
    """The category of each item, in the items' order."""

    predictions: list[ItemCategory]
    processing_time_ms: int


def categorize_response(prediction: Prediction, processing_time_ms: float) -> Category:
    """Return the payload of categorize."""
    return {
        "category": prediction.best[0],
        **_confidence_fields(prediction),
        "processing_time_ms": round(processing_time_ms),
    }


def categorize_batch_response(
    items: Sequence[NamedItem], predictions: Sequence[Prediction], processing_time_ms: float
) -> Categories:
    """Return the payload of categorize-batch; `predictions` are in the items' order."""
    return {
        "predictions": [
            {
                "id": item.id,
                "name": item.name,
                "predicted_category": prediction.best[0],
                **_confidence_fields(prediction),
            }
            for item, prediction in zip(items, predictions, strict=True)
        ],
        "processing_time_ms": round(processing_time_ms),
    }


def _confidence_fields(prediction: Prediction) -> _ConfidenceFields:
    _, confidence = prediction.best
    level: Literal["medium", "low"] = "medium" if confidence >= MEDIUM_CONFIDENCE else "low"
    return {
        "confidence": confidence,
        "confidence_level": "high" if confidence >= HIGH_CONFIDENCE else level,
        "all_scores": dict(prediction.scores),
        "source": prediction.source,
    }
