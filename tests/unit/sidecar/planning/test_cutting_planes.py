from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.planning.cutting_planes import KnapsackRow, violated_cuts


def knapsack_row(quantities: list[int], capacity: int, max_uses: int = 1) -> KnapsackRow:
    """Return a row with one column per dish, followed by the column `bought`."""
    dishes = np.arange(len(quantities))
    return KnapsackRow(
        columns=dishes,
        owner=dishes,
        quantity=np.array(quantities, float),
        max_uses=np.full(len(quantities), float(max_uses)),
        capacity=float(capacity),
        bought=len(quantities),
    )


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(0, 20),
    st.integers(1, 3),
    st.data(),
)
def test_no_cut_excludes_a_feasible_integer_solution(
    quantities: list[int], capacity: int, max_uses: int, data: st.DataObject
) -> None:
    size = len(quantities)
    relaxed = data.draw(st.lists(st.floats(0, max_uses), min_size=size, max_size=size))
    fraction = data.draw(st.floats(0, 1))
    counts = data.draw(st.lists(st.integers(0, max_uses), min_size=size, max_size=size))
    bought = data.draw(st.booleans())
    used = sum(count * quantity for count, quantity in zip(counts, quantities, strict=True))
    assume(bought or used <= capacity)
    plan = np.array([*counts, bought], float)
    row = knapsack_row(quantities, capacity, max_uses)
    for cut in violated_cuts([row], np.array([*relaxed, fraction])):
        assert cut.values @ plan[cut.columns] <= cut.limit + 1e-9


@pytest.mark.parametrize("bought", [0.0, 0.3])
def test_fractions_of_two_dishes_are_cut_off_if_only_one_dish_fits(bought: float) -> None:
    solution = np.array([0.9, 0.9, bought])
    (cut,) = violated_cuts([knapsack_row([6, 7], 10)], solution)
    assert cut.values @ solution[cut.columns] > cut.limit


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=8),
    st.integers(0, 20),
    st.data(),
)
def test_no_cut_of_groups_excludes_a_choice_of_one_dish_each(
    quantities: list[int], capacity: int, data: st.DataObject
) -> None:
    size = len(quantities)
    groups = np.arange(size) // 2
    relaxed = data.draw(st.lists(st.floats(0, 1), min_size=size, max_size=size))
    chosen = np.zeros(size)
    for group in range(int(groups.max()) + 1):
        pick = data.draw(st.sampled_from([None, *np.flatnonzero(groups == group).tolist()]))
        if pick is not None:
            chosen[pick] = 1
    bought = data.draw(st.booleans())
    assume(bought or chosen @ np.array(quantities) <= capacity)
    row = replace(knapsack_row(quantities, capacity), groups=groups)
    solution = np.array([*relaxed, data.draw(st.floats(0, 1))])
    plan = np.array([*chosen, bought], float)
    for cut in violated_cuts([row], solution):
        assert cut.values @ plan[cut.columns] <= cut.limit + 1e-9


def test_dishes_that_share_each_meal_are_cut_off_together() -> None:
    row = replace(knapsack_row([6, 7, 6, 7], 10), groups=np.array([0, 0, 1, 1]))
    solution = np.array([0.5, 0.5, 0.5, 0.5, 0.1])
    cuts = violated_cuts([row], solution)
    assert max(cut.values @ solution[cut.columns] - cut.limit for cut in cuts) == pytest.approx(0.9)
