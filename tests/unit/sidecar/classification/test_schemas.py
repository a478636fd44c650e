"""Requests and responses of the categorize endpoints."""

import pytest
from pydantic import ValidationError

from sidecar.classification.backend import Prediction
from sidecar.classification.schemas import (
    CategorizeBatchRequest,
    CategorizeRequest,
    NamedItem,
    categorize_batch_response,
    categorize_response,
)
from sidecar.core.errors import TooLarge

LABELS = ["Dairy", "Bakery"]


def predict(dairy: float) -> Prediction:
    return Prediction({"Dairy": dairy, "Bakery": round(1 - dairy, 3)}, "classifier")


@pytest.mark.parametrize("name", ["", "   ", "\t\n", "\x00\x01", "\u200b\u200f", 5, None, ["milk"]])
def test_a_name_that_is_invisible_or_no_text_is_refused(name: object) -> None:
    with pytest.raises(ValidationError):
        CategorizeRequest.model_validate({"item_name": name, "candidate_labels": LABELS})


@pytest.mark.parametrize("name", ["m", "x" * 500, "🥛", "חלב", "milk\x00", "  milk "])
def test_any_visible_name_is_accepted(name: str) -> None:
    request = CategorizeRequest.model_validate({"item_name": name, "candidate_labels": LABELS})
    assert request.item_name == name


def test_the_error_for_a_too_long_name_names_the_limit() -> None:
    with pytest.raises(TooLarge, match="500"):
        CategorizeRequest.model_validate({"item_name": "x" * 10_000, "candidate_labels": LABELS})


@pytest.mark.parametrize(
    "labels",
    [
        [],
        ["Dairy", "Dairy"],
        ["Dairy", " Dairy"],
        ["Dairy", ""],
        ["Dairy", " "],
        [f"label {number}" for number in range(101)],
        [None],
        "Dairy",
        {"Dairy": 1},
    ],
)
def test_labels_are_1_to_100_unique_texts(labels: object) -> None:
    with pytest.raises(ValidationError):
        CategorizeRequest.model_validate({"item_name": "milk", "candidate_labels": labels})


def test_items_of_a_batch_have_unique_ids() -> None:
    items = [{"id": "1", "name": "milk"}, {"id": "1", "name": "bread"}]
    with pytest.raises(ValidationError, match="twice"):
        CategorizeBatchRequest.model_validate({"items": items, "candidate_labels": LABELS})


def test_an_empty_batch_is_refused_and_one_over_the_limit_is_too_large() -> None:
    with pytest.raises(ValidationError):
        CategorizeBatchRequest.model_validate({"items": [], "candidate_labels": LABELS})
    items = [{"id": number, "name": "milk"} for number in range(501)]
    with pytest.raises(TooLarge, match="500"):
        CategorizeBatchRequest.model_validate({"items": items, "candidate_labels": LABELS})


def test_ids_of_a_batch_are_returned_as_they_were_sent() -> None:
    request = CategorizeBatchRequest.model_validate(
        {
            "items": [{"id": 7, "name": "milk"}, {"id": "7", "name": "rye"}],
            "candidate_labels": LABELS,
        }
    )
    payload = categorize_batch_response(request.items, [predict(0.9)] * 2, 1.0)
    assert [prediction["id"] for prediction in payload["predictions"]] == [7, "7"]


@pytest.mark.parametrize(
    ("confidence", "level"),
    [(1.0, "high"), (0.8, "high"), (0.799, "medium"), (0.5, "medium"), (0.499, "low")],
)
def test_confidence_levels_start_at_080_and_050(confidence: float, level: str) -> None:
    payload = categorize_response(
        Prediction({"Dairy": confidence, "Bakery": 0.0}, "classifier"), 2.5
    )
    assert payload["category"] == "Dairy"
    assert payload["confidence_level"] == level
    assert (payload["processing_time_ms"], type(payload["processing_time_ms"])) == (2, int)


def test_a_prediction_contains_the_name_category_and_every_score() -> None:
    item = NamedItem(id="a", name="milk")
    [prediction] = categorize_batch_response([item], [predict(0.7)], 1.0)["predictions"]
    assert prediction == {
        "id": "a",
        "name": "milk",
        "predicted_category": "Dairy",
        "confidence": 0.7,
        "confidence_level": "medium",
        "all_scores": {"Dairy": 0.7, "Bakery": 0.3},
        "source": "classifier",
    }
