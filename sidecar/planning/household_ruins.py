"""What a step of household_search.py takes out of a plan: some services, some days, or a recipe.

A purchase is saved only where every dish that needs it goes, and a leftover only moves with its
cooking; so a third of the ruins clears services one after another, and a third all that is eaten of
one recipe.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from sidecar.planning.household_tables import HouseholdTables, Service
from sidecar.planning.problem import OPEN

_MAX_SERVICES = 3
_MAX_WINDOW = 6
_ONE_DISH_SHARE = 0.5  # of the ruined services, of which only one dish goes


class RuinedPlan(Protocol):
    """A plan of which slots are cleared."""

    tables: HouseholdTables
    plan: list[int]

    def clear(self, slot: int) -> None:
        """Open a filled slot."""

    def clear_orphans(self, pins: Mapping[int, int]) -> set[int]:
        """Open the slots of leftovers that are no longer cooked, and return them."""


def ruin(
    state: RuinedPlan, free: Sequence[int], pins: Mapping[int, int], rng: np.random.Generator
) -> list[int]:
    """Clear slots of the `free` services, except pinned ones, and return the services to fill."""
    kind = int(rng.integers(3))
    if kind == 0:
        ruined = _services(state, free, pins, rng)
    elif kind == 1:
        size = min(len(free), int(rng.integers(2, _MAX_WINDOW + 1)))
        first = int(rng.integers(len(free) - size + 1))
        ruined = list(free[first : first + size])
        for number in ruined:
            _clear(state, _filled(state, number, pins))
    else:
        ruined = _recipe(state, free, pins, rng)
    orphans = state.clear_orphans(pins)
    services = state.tables.services
    return ruined + [
        number
        for number in free
        if number not in ruined and not orphans.isdisjoint(int(s) for s in services[number].slots)
    ]


def _services(
    state: RuinedPlan, free: Sequence[int], pins: Mapping[int, int], rng: np.random.Generator
) -> list[int]:
    """Clear some services, all of each or one of its dishes; add some that have open slots."""
    services = state.tables.services
    size = min(len(free), int(rng.integers(1, _MAX_SERVICES + 1)))
    ruined = [free[int(n)] for n in rng.choice(len(free), size, replace=False)]
    unfilled = [n for n in free if n not in ruined and _has_open_slot(state, services[n])]
    if unfilled:
        ruined += [int(number) for number in rng.permutation(unfilled)[:_MAX_SERVICES]]
    for number in ruined:
        filled = _filled(state, number, pins)
        if filled and rng.random() < _ONE_DISH_SHARE:
            dish = state.plan[int(rng.choice(filled))]
            filled = [slot for slot in filled if state.plan[slot] == dish]
        _clear(state, filled)
    return ruined


def _recipe(
    state: RuinedPlan, free: Sequence[int], pins: Mapping[int, int], rng: np.random.Generator
) -> list[int]:
    """Clear what is eaten of one recipe, fresh or left over."""
    problem = state.tables.problem
    present = sorted({problem.recipe(dish) for dish in state.plan if dish != OPEN})
    if present:
        gone = present[int(rng.integers(len(present)))]
        for number in free:
            filled = _filled(state, number, pins)
            _clear(state, [s for s in filled if problem.recipe(state.plan[s]) == gone])
    return [number for number in free if _has_open_slot(state, state.tables.services[number])]


def _filled(state: RuinedPlan, number: int, pins: Mapping[int, int]) -> list[int]:
    slots = (int(slot) for slot in state.tables.services[number].slots)
    return [slot for slot in slots if state.plan[slot] != OPEN and slot not in pins]


def _has_open_slot(state: RuinedPlan, service: Service) -> bool:
    return any(state.plan[slot] == OPEN for slot in service.slots)


def _clear(state: RuinedPlan, slots: Iterable[int]) -> None:
    for slot in slots:
        state.clear(slot)
