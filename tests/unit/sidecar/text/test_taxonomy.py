"""Labels are matched to the taxonomy's categories."""

import pytest

from sidecar.text.taxonomy import CATCH_ALL, label_key, taxonomy


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("Produce", "produce"),
        ("Fruits & Vegetables", "produce"),
        ("DAIRY AND EGGS", "dairy"),
        ("Meat & Seafood", "meat & seafood"),
        ("cleaning-supplies", "cleaning"),
        ("Ice Cream", "ice cream"),
        ("Misc.", CATCH_ALL),
    ],
)
def test_a_label_is_found_without_case_punctuation_and_plural(label: str, category: str) -> None:
    assert taxonomy().category_of(label) == category


@pytest.mark.parametrize("label", ["Taco night", "🥛", "", "חלב"])
def test_an_unknown_label_has_no_category(label: str) -> None:
    assert taxonomy().category_of(label) is None


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("tomato", "tomatoes"),
        ("cookie", "cookies"),
        ("berry", "berries"),
        ("peach", "peaches"),
        ("box", "boxes"),
        ("snack", "snacks"),
        ("glass", "glasses"),
    ],
)
def test_singular_and_plural_share_a_key(singular: str, plural: str) -> None:
    assert label_key(singular) == label_key(plural)


def test_every_subcategory_has_products_and_a_wider_category() -> None:
    for sub in taxonomy().subcategories:
        assert sub.within, sub.name
        assert len(sub.products) >= 4, sub.name
        assert all(product == product.strip().lower() for product in sub.products), sub.name
        assert all(sub.products), sub.name


def test_no_product_is_listed_twice_in_its_subcategory() -> None:
    for sub in taxonomy().subcategories:
        assert len(set(sub.products)) == len(sub.products), sub.name
