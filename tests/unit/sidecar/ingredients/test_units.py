from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.ingredients import units


@pytest.mark.parametrize(
    ("quantity", "unit", "food", "dimension", "amount"),
    [
        (1, "kg", "rice", "g", "1000"),
        (200, "gm", "flour", "g", "200"),
        (1, "lb", "beef", "g", "453.59237"),
        (2, "Tbsp.", "lemon zest", "ml", "29.5735295625"),
        (1, "T", "lemon zest", "ml", "14.78676478125"),
        (1, "t", "lemon zest", "ml", "4.92892159375"),
        (2, "msk", "socker", "ml", "29.5735295625"),
        (3, "л", "води", "ml", "3000"),
        (2, "大さじ", "酒", "ml", "29.5735295625"),
        (2, "EL", "Olivenöl", "g", "27.2076471975"),
        (1, "c. à s.", "citron", "ml", "14.78676478125"),
        (1, "Łyżeczka", "curry", "ml", "4.92892159375"),
        (1, "cup", "flour", "g", "125.391764445"),
        (1, "fl oz", "gin", "ml", "29.5735295625"),
        (1, "dozen", "eggs", "piece", "12"),
        (2, "", "onion", "piece", "2"),
        (3, "Pieces", "onion", "piece", "3"),
        (2, "Stück", "Ei", "piece", "2"),
        (0.5, "stick", "butter", "g", "56.5"),
        (1, "stick", "cinnamon", "unit stick", "1"),
        (2, "cans", "tuna", "unit can", "2"),
        (2, "Dosen", "Thunfisch", "unit can", "2"),
        (1, "bunches", "kale", "unit bunch", "1"),
        (2, "boxes", "broth", "unit box", "2"),
        (1, "bag", "spinach", "unit bag", "1"),
        (2, "mugs", "tea", "unit mug", "2"),
        (2, "meters", "rope", "unit meter", "2"),
    ],
)
def test_kitchen_units_are_converted(quantity, unit, food, dimension, amount):
    measure = units.measure(unit, food)
    assert measure.dimension == dimension
    assert units.needed(quantity, measure) == floor(Fraction(amount) * units.PARTS)


@given(st.text(max_size=50), st.text(max_size=50), st.floats(1e-9, 1e6))
def test_any_unit_has_a_size_and_a_need_never_exceeds_the_same_stock(unit, food, quantity):
    measure = units.measure(unit, food)
    assert measure.size > 0
    assert 1 <= units.needed(quantity, measure) <= max(1, units.stocked(quantity, measure))


@pytest.mark.parametrize("share", [1 / 3, 2 / 3, 1 / 6, 0.125, 1 / 16, 0.001])
def test_shares_of_a_piece_are_exact(share):
    piece = units.measure("", "onion")
    times = round(Fraction(1, 1) / units.exact(share) * 2)
    assert units.in_unit(times * units.needed(share, piece), piece) == pytest.approx(2, abs=0)
    assert units.needed(share, piece) == units.stocked(share, piece)


def test_no_spelling_of_a_language_means_two_units():
    seen = {}
    for name, entry in units._load("units.toml").items():
        for language in units.LANGUAGES:
            for spelling in entry.get(language, ()):
                assert units.fold(spelling) == spelling
                assert seen.setdefault((language, spelling), name) == name
