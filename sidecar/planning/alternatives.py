"""Alternatives: other plans that are nearly as good as the best one."""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from sidecar.planning.problem import OPEN, Plan, Problem
from sidecar.planning.scoring import assess, cookings, count_fed
from sidecar.planning.search_method import SearchedPlan, SearchMethod

_TRIES = 120
_TOLERANCE_PURCHASES = 2  # an alternative may cost up to this many purchases more


def difference(first: Plan, second: Plan) -> int:
    """Return how many dishes of the first plan the second doesn't cook, on whatever day."""
    return sum((Counter(first) - Counter(second)).values())


def alternatives(
    method: SearchMethod,
    best: Plan,
    pins: Mapping[int, int],
    limit: int,
    distance: int,
    stop: Callable[[], bool],
    seed: int = 1,
) -> list[Plan]:
    """Return at most `limit` plans of nearly the same objective, best first.

    Each differs in at least `distance` dishes from every other. A try removes a few more than that
    of the best plan and fills the gaps with others.
    """
    problem = method.problem
    free = np.array([slot for slot in problem.slots if slot not in pins and best[slot] != OPEN])
    if limit == 0 or len(free) < distance:
        return []
    rng = np.random.Generator(np.random.PCG64(seed))
    start = method.state(best)
    scores: dict[Plan, float] = {}
    for _ in range(_TRIES):
        if stop():
            break
        size = min(len(free), int(rng.integers(distance, distance + 2)))
        state = _exchange(start, [int(slot) for slot in rng.choice(free, size, replace=False)])
        scores[tuple(state.plan)] = state.score()
    weights = problem.weights
    tolerance = _TOLERANCE_PURCHASES * max(weights.purchase, weights.cuisine, weights.favorite)
    min_objective = assess(problem, best).objective - tolerance
    objectives: dict[Plan, int] = {}
    for plan in sorted(scores, key=lambda plan: (-scores[plan], plan)):
        if len(objectives) == limit or count_fed(problem, plan) < count_fed(problem, best):
            break
        if all(
            difference(_dishes(problem, plan), _dishes(problem, other)) >= distance
            for other in (best, *objectives)
        ):
            objective = assess(problem, plan).objective
            if objective < min_objective:  # and so are the rest
                break
            objectives[plan] = objective
    return sorted(objectives, key=lambda plan: (-objectives[plan], plan))


def _dishes(problem: Problem, plan: Plan) -> Plan:
    """Return the dishes of a plan, once for each sitting."""
    return (
        plan
        if problem.is_simple
        else tuple(problem.recipe(dish) for _, dish in cookings(problem, plan))
    )


def _exchange(start: SearchedPlan, slots: list[int]) -> SearchedPlan:
    """Return a copy of the state with other dishes in these slots."""
    state = start.copy()
    banned = {state.plan[slot] for slot in slots}
    for slot in slots:
        state.clear(slot)
    state.refill(slots, banned)
    return state
