"""Matches between line items and the caller's catalog, by their words."""

import pytest

from sidecar.receipts.catalog.matching import Catalog
from sidecar.receipts.options import CatalogItem
from sidecar.text.product_names import expand

CATALOG = Catalog(
    (
        CatalogItem(id="yogurt", name="Greek Yogurt"),
        CatalogItem(id="spinach", name="Spinach, baby"),
        CatalogItem(id="cheese", name="Hard cheese", synonyms=("Cheddar cheese",)),
        CatalogItem(id="milk", name="Whole milk 1 gallon"),
        CatalogItem(id="eggs", name="Large eggs"),
        CatalogItem(id="chicken", name="Chicken breasts"),
        CatalogItem(id="ham", name="Cooked ham slices"),
        CatalogItem(id="jam-a", name="Jam"),
        CatalogItem(id="jam-b", name="Jams"),
        CatalogItem(id="bean-a", name="Baked beans tin A"),
        CatalogItem(id="bean-b", name="Baked beans tin B"),
    ),
    expand,
)


@pytest.mark.parametrize(
    ("printed", "item", "strategy"),
    [
        ("GREEK YOGURT", "yogurt", "exact"),
        ("greek yogurts", "yogurt", "normalised"),
        ("BABY SPINACH 5OZ", "spinach", "normalised"),
        ("BABY SPINACH 2 X 200G", "spinach", "normalised"),
        ("LARGE EGGS 12CT", "eggs", "normalised"),
        ("WHL MLK 1GL", "milk", "normalised"),
        ("CHKN BRST", "chicken", "normalised"),
        ("CHEDDAR CHEESE 8OZ", "cheese", "synonym"),
        ("COOKED HAM SLCIES", "ham", "fuzzy"),
    ],
)
def test_a_line_matches_its_item(printed: str, item: str, strategy: str) -> None:
    match = CATALOG.match(printed)
    assert match is not None
    assert (match.id, match.strategy) == (item, strategy)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Rote Zwiebel", "ZWIEBELN ROT"),
        ("Tomate", "TOMATEN 500G"),
        ("pomodoro", "POMODORI"),
        ("jabłko", "JABŁKA"),
        ("mela", "MELE"),
        ("tomate", "TOMATES"),
        ("ägg", "ÄGG 12ST"),
        ("peruna", "PERUNAT"),
    ],
)
def test_inflections_of_any_language_are_the_same_item(name: str, printed: str) -> None:
    items = (CatalogItem(id="it", name=name), CatalogItem(id="other", name="Milch"))
    match = Catalog(items).match(printed)
    assert match is not None
    assert (match.id, match.strategy) == ("it", "normalised")


@pytest.mark.parametrize("printed", ["CANDLES", "JAMS 400G", "BAKED BEANS TIN", "500 G", "", " "])
def test_unknown_and_ambiguous_lines_do_not_match(printed: str) -> None:
    assert CATALOG.match(printed) is None


def test_stricter_strategies_have_a_higher_confidence() -> None:
    lines = ("GREEK YOGURT", "BABY SPINACH", "CHEDDAR CHEESE", "COOKED HAM SLCIES")
    matches = [CATALOG.match(line) for line in lines]
    confidences = [match.confidence for match in matches if match]
    assert len(confidences) == 4
    assert confidences == sorted(confidences, reverse=True)
