"""The tree over recipes agrees with HiGHS's branch-and-cut, which knows nothing of it."""

from time import monotonic

import pytest

from bench.planner_households import family, household
from sidecar.planning import household_model, indicator_tree, milp_solver, proof
from sidecar.planning.compiler import compile_request
from sidecar.planning.feasibility import check_feasibility
from sidecar.planning.indicator_tree import IndicatorTree
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.scoring import assess, count_fed, is_feasible
from sidecar.planning.search_method import search_method
from sidecar.planning.solve import solve

SECONDS = 60.0


def started(seed):
    """Return a small problem, a first plan, and the program of the plans that feed as many."""
    problem = compile_request(PlanRequest.model_validate(household(seed)))
    pins = check_feasibility(problem).pins
    if pins is None:
        return None
    plan = tuple(search_method(problem).construct(pins).plan)
    return problem, plan, household_model.build(problem, count_fed(problem, plan))


def tree_of(program, target, on_bound=lambda bound: None, remaining_s=lambda: SECONDS):
    relaxer = milp_solver.relax(program, SECONDS)
    return IndicatorTree(relaxer, target, remaining_s, on_bound)


@pytest.mark.parametrize("leaf_columns", [0, 1_000])
def test_the_tree_finds_the_optimum_and_proves_it(leaf_columns, monkeypatch):
    """Whether it branches to the end itself, or HiGHS finishes its nodes."""
    monkeypatch.setattr(indicator_tree, "_LEAF_COLUMNS", leaf_columns)
    found = [case for seed in range(60) if (case := started(seed)) is not None]
    assert len(found) > 30
    for problem, plan, program in found:
        first = assess(problem, plan).objective if is_feasible(problem, plan) else -(10**6)
        bounds = []
        tree = tree_of(program, first + 1, bounds.append)
        tree.run()
        assert tree.finished
        best = plan if tree.plan is None else tree.plan
        expected = milp_solver.search(program, SECONDS)
        assert expected.optimal
        assert assess(problem, best).objective == assess(problem, expected.plan).objective
        assert bounds == sorted(bounds, reverse=True)


@pytest.mark.parametrize("idle_core", [False, True])
def test_plans_proven_by_the_tree_are_those_of_branch_and_cut(idle_core, monkeypatch):
    requests = [PlanRequest.model_validate(household(seed)) for seed in range(20)]
    expected = [solve(request, clock=monotonic) for request in requests]
    monkeypatch.setattr(proof, "_MIN_TREE_COLUMNS", 1)
    for request, answer in zip(requests, expected, strict=True):
        found = solve(request, clock=monotonic, idle_core=idle_core)
        assert (found.status, found.objective, found.bound) == (
            answer.status,
            answer.objective,
            answer.bound,
        )


def test_a_tree_without_time_keeps_the_bound_of_the_relaxation():
    problem, plan, program = started(0)
    tree = tree_of(program, assess(problem, plan).objective + 1, remaining_s=lambda: 0.0)
    relaxation = tree.bound
    tree.run()
    assert tree.bound == relaxation
    assert tree.plan is None


def test_a_tree_without_memory_keeps_the_bound_of_the_relaxation(monkeypatch):
    monkeypatch.setattr(indicator_tree, "_MAX_VALUES", 0)
    problem, plan, program = started(0)
    tree = tree_of(program, assess(problem, plan).objective - 10_000)
    tree.run()
    assert not tree.finished
    assert tree.plan is None


def test_branch_and_cut_stops_when_it_is_told():
    _, _, program = started(0)
    assert milp_solver.search(program, SECONDS, stop=lambda: False).optimal
    assert not milp_solver.search(large_program(), SECONDS, stop=lambda: True).optimal


def large_program():
    problem = compile_request(PlanRequest.model_validate(family(2)))
    return household_model.build(problem, 1)
