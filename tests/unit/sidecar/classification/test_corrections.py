"""What a person corrected stays corrected."""

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
def test_the_same_and_near_identical_names_are_covered(name: str) -> None:
    assert (
        build_index([CategoryCorrection("Halloumi Bites", "Dairy")]).label_for(name, LABELS)
        == "Dairy"
    )


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
def test_another_product_is_not_covered(corrected: str, other: str) -> None:
    assert build_index([CategoryCorrection(corrected, "Snacks")]).label_for(other, LABELS) is None


def test_a_receipt_name_is_covered_by_the_correction_of_the_written_out_name() -> None:
    corrections = build_index([CategoryCorrection("organic whole milk", "Dairy")])
    assert corrections.label_for("ORG WHL MLK 1GL", LABELS) == "Dairy"


def test_the_later_of_two_corrections_counts() -> None:
    first, second = CategoryCorrection("Halva", "Snacks"), CategoryCorrection("halva", "Pantry")
    assert build_index([first, second]).label_for("halva", LABELS) == "Pantry"


def test_the_exact_name_comes_before_a_slip_whatever_the_order() -> None:
    slip, exact = (
        CategoryCorrection("graznola", "Snacks"),
        CategoryCorrection("granola z", "Pantry"),
    )
    for order in ([slip, exact], [exact, slip]):
        assert build_index(order).label_for("granola z", LABELS) == "Pantry"


def test_a_category_that_is_not_offered_settles_nothing() -> None:
    assert build_index([CategoryCorrection("halva", "Sweets")]).label_for("halva", LABELS) is None


def test_the_label_comes_back_as_the_caller_wrote_it() -> None:
    assert (
        build_index([CategoryCorrection("halva", "snack")]).label_for("halva", LABELS) == "Snacks"
    )


def test_without_corrections_nothing_is_covered() -> None:
    assert build_index([]).label_for("halva", LABELS) is None
