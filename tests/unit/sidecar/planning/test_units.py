import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.planning import units


@pytest.mark.parametrize(
    ("quantity", "unit", "food", "dimension", "thousandths"),
    [
        (1, "kg", "rice", "g", 1_000_000),
        (1, "lb", "beef", "g", 453_592),
        (2, "Tbsp.", "lemon zest", "ml", 29_573),
        (1, "T", "lemon zest", "ml", 14_786),
        (1, "cup", "flour", "g", 125_391),
        (1, "fl oz", "gin", "ml", 29_573),
        (1, "dozen", "eggs", "piece", 12_000),
        (2, "", "onion", "piece", 2_000),
        (3, "Pieces", "onion", "piece", 3_000),
        (2, "cans", "tuna", "unit can", 2_000),
        (1, "bunches", "kale", "unit bunch", 1_000),
        (0.5, "stick", "butter", "g", 56_500),
    ],
)
def test_kitchen_units_are_converted(quantity, unit, food, dimension, thousandths):
    measure = units.measure(unit, food)
    assert measure.dimension == dimension
    assert units.needed(quantity, measure) == thousandths


@given(st.text(max_size=50), st.text(max_size=50), st.floats(1e-9, 1e6))
def test_any_unit_has_a_size_and_a_need_never_exceeds_the_same_stock(unit, food, quantity):
    measure = units.measure(unit, food)
    assert measure.size > 0
    assert 1 <= units.needed(quantity, measure) <= max(1, units.stocked(quantity, measure))
