"""Corrections apply to their name and near-identical names."""

import pytest

from sidecar.classification.corrections import CategoryCorrection, build_index

LABELS = ("Dairy", "Snacks", "Pantry")


@pytest.mark.parametrize(
    "name",
    [
        "Halloumi Bites",
        "HALLOUMI BITE",
        "halloumi  bites!",
        "Halloumi Bites 200g",
        "Haloumi Bites",
        "4012345 HALLOUMI BITES",
    ],
)
def test_a_correction_applies_to_the_same_and_near_identical_names(name: str) -> None:
    index = build_index([CategoryCorrection("Halloumi Bites", "Dairy")])
    assert index.label_for(name, LABELS) == "Dairy"


@pytest.mark.parametrize(
    ("corrected", "other"),
    [
        ("milk", "almond milk"),
        ("chocolate milk", "milk chocolate"),
        ("chicken soup", "chicken soap"),
        ("2% milk", "1% milk"),
        ("bean", "bear"),
        ("🥛", "🧀"),
    ],
)
def test_a_correction_does_not_apply_to_another_product(corrected: str, other: str) -> None:
    assert build_index([CategoryCorrection(corrected, "Snacks")]).label_for(other, LABELS) is None


def test_a_correction_applies_to_the_abbreviated_name_on_a_receipt() -> None:
    index = build_index([CategoryCorrection("organic whole milk", "Dairy")])
    assert index.label_for("ORG WHL MLK 1GL", LABELS) == "Dairy"


def test_a_later_correction_replaces_an_earlier_one() -> None:
    first, second = CategoryCorrection("Halva", "Snacks"), CategoryCorrection("halva", "Pantry")
    assert build_index([first, second]).label_for("halva", LABELS) == "Pantry"


def test_the_exact_name_takes_precedence_over_a_typo_in_any_order() -> None:
    typo, exact = (
        CategoryCorrection("graznola", "Snacks"),
        CategoryCorrection("granola z", "Pantry"),
    )
    for order in ([typo, exact], [exact, typo]):
        assert build_index(order).label_for("granola z", LABELS) == "Pantry"


def test_a_category_outside_the_labels_is_ignored() -> None:
    assert build_index([CategoryCorrection("halva", "Sweets")]).label_for("halva", LABELS) is None


def test_the_label_is_returned_as_the_caller_wrote_it() -> None:
    index = build_index([CategoryCorrection("halva", "snack")])
    assert index.label_for("halva", LABELS) == "Snacks"


def test_without_corrections_there_is_no_label() -> None:
    assert build_index([]).label_for("halva", LABELS) is None
