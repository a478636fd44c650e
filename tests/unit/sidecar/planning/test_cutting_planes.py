import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.planning.cutting_planes import KnapsackRow, violated_cuts


def shortage(quantities: list[int], left: int, most: int = 1) -> KnapsackRow:
    """One column a dish, and after them the column that says whether it is bought."""
    dishes = np.arange(len(quantities))
    return KnapsackRow(
        columns=dishes,
        owner=dishes,
        quantity=np.array(quantities, float),
        most=np.full(len(quantities), float(most)),
        left=float(left),
        bought=len(quantities),
    )


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(0, 20),
    st.integers(1, 3),
    st.data(),
)
def test_no_row_cuts_off_cooking_from_what_there_is_or_what_is_bought(
    quantities: list[int], left: int, most: int, data: st.DataObject
) -> None:
    size = len(quantities)
    point = data.draw(st.lists(st.floats(0, most), min_size=size, max_size=size))
    fraction = data.draw(st.floats(0, 1))
    counts = data.draw(st.lists(st.integers(0, most), min_size=size, max_size=size))
    bought = data.draw(st.booleans())
    used = sum(count * quantity for count, quantity in zip(counts, quantities, strict=True))
    assume(bought or used <= left)
    plan = np.array([*counts, bought], float)
    for row in violated_cuts([shortage(quantities, left, most)], np.array([*point, fraction])):
        assert row.values @ plan[row.columns] <= row.limit + 1e-9


@pytest.mark.parametrize("bought", [0.0, 0.3])
def test_half_of_two_dishes_is_cut_off_where_there_is_enough_for_one(bought: float) -> None:
    point = np.array([0.9, 0.9, bought])
    (row,) = violated_cuts([shortage([6, 7], 10)], point)
    assert row.values @ point[row.columns] > row.limit
