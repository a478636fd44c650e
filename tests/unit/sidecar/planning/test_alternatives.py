"""Alternatives differ from the plan, and repeats are spread over its days."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.planner_households import household
from bench.planner_instances import instance, small
from sidecar.planning.alternatives import difference
from sidecar.planning.compiler import compile_request
from sidecar.planning.response import Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess
from sidecar.planning.spreading import spread
from tests.unit.sidecar.planning.plans import as_plan, menu, plan, recipe, request


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_alternatives_differ_in_two_meals_and_are_nearly_as_good(seed):
    raw = instance(seed, 25, 5, locks=0, alternatives=5)
    answer = plan(raw)
    if answer.status is Status.INFEASIBLE:
        return
    menus = [menu(result) for result in (answer, *answer.alternatives)]
    for number, first in enumerate(menus):
        for second in menus[:number]:
            assert difference(tuple(first), tuple(second)) >= 2
    for other in answer.alternatives:
        assert 0 <= answer.objective - other.objective <= 2 * answer.points_per_purchase


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 5))
def test_alternatives_are_as_far_from_each_other_as_the_request_says(seed, distance):
    answer = plan(
        instance(seed, 25, 6, locks=0, cap=0.0, alternatives=5, alternatives_distance=distance)
    )
    menus = [menu(result) for result in (answer, *answer.alternatives)]
    for number, first in enumerate(menus):
        for second in menus[:number]:
            assert difference(tuple(first), tuple(second)) >= distance


def test_repeats_are_spread_where_another_order_is_as_good():
    dishes = [recipe(name, (name, 1, "")) for name in "abcd"]
    chosen = menu(plan(request(dishes, days=7, max_repeats=2)))
    assert all(chosen[day] not in chosen[day + 1 : day + 3] for day in range(7))


def test_lunch_is_not_dinner_where_another_order_is_as_good():
    dishes = [recipe(name, (name, 1, "")) for name in "ab"]
    answer = plan(request(dishes, days=2, meals=("lunch", "dinner"), max_repeats=2))
    assert sorted(menu(answer)[:2]) == ["a", "b"]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from((small, household)), st.integers(0, 10**6))
def test_spreading_repeats_keeps_the_objective(make, seed):
    raw = make(seed)
    raw["constraints"]["max_repeats"] = 3
    problem = compile_request(PlanRequest.model_validate(raw))
    answer = plan(raw)
    if answer.status is Status.INFEASIBLE:
        return
    chosen = as_plan(problem, answer)
    assert assess(problem, spread(problem, chosen, lambda: False)).objective >= answer.objective
