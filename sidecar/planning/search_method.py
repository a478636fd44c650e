"""Chooses how a problem is searched and bounded: slot by slot, or with people at one table."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sidecar.planning import household_model, household_search, local_search, milp_model
from sidecar.planning.annealing import Annealed
from sidecar.planning.household_tables import HouseholdTables
from sidecar.planning.local_search import SearchTables
from sidecar.planning.milp_solver import MilpProgram
from sidecar.planning.problem import Plan, Problem

Pins = Mapping[int, int]  # slot -> dish


class SearchedPlan(Annealed, Protocol):
    """A plan under search that can be changed and scored."""

    def clear(self, slot: int) -> None:
        """Open a filled slot."""

    def refill(self, slots: Sequence[int], banned: Collection[int]) -> None:
        """Fill open slots with the best dishes that are not banned."""


@dataclass(frozen=True, slots=True)
class SearchMethod:
    """The search for a problem's plans, and the program that bounds them.

    `size` is the number of (dish, slot) pairs that fit, `best_points` the most points of each slot
    that can be filled.
    """

    problem: Problem
    size: int
    best_points: Mapping[int, float]
    state: Callable[[Plan], SearchedPlan]
    construct: Callable[[Pins], SearchedPlan]
    improve: Callable[[Plan, Pins, int, Callable[[], bool], int], Iterator[Plan]]
    build: Callable[[int], MilpProgram]


def search_method(problem: Problem) -> SearchMethod:
    """Return the method for a problem."""
    return _slot_method(problem) if problem.is_simple else _household_method(problem)


def _slot_method(problem: Problem) -> SearchMethod:
    tables = SearchTables(problem)
    return SearchMethod(
        problem=problem,
        size=sum(candidates.dishes.size for candidates in tables.candidates),
        best_points={
            slot: float(candidates.points.max())
            for slot, candidates in enumerate(tables.candidates)
            if candidates.dishes.size
        },
        state=lambda plan: local_search.SearchState(tables, plan),
        construct=lambda pins: local_search.construct(tables, pins),
        improve=lambda plan, pins, steps, stop, seed: local_search.improve(
            local_search.SearchState(tables, plan), pins, steps, stop, seed
        ),
        build=lambda meals: milp_model.build(problem, meals),
    )


def _household_method(problem: Problem) -> SearchMethod:
    tables = HouseholdTables(problem)
    return SearchMethod(
        problem=problem,
        size=sum(int(service.fits.sum()) for service in tables.services),
        best_points={
            int(slot): float(service.points[service.fits[:, column], column].max())
            for service in tables.services
            for column, slot in enumerate(service.slots)
            if service.fits[:, column].any()
        },
        state=lambda plan: household_search.HouseholdState(tables, plan),
        construct=lambda pins: household_search.construct(tables, pins),
        improve=lambda plan, pins, steps, stop, seed: household_search.improve(
            household_search.HouseholdState(tables, plan), pins, steps, stop, seed
        ),
        build=lambda diners: household_model.build(problem, diners),
    )
