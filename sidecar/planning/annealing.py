"""Simulated annealing, for searches that ruin and recreate a part of a plan at each step."""

from collections.abc import Callable, Iterator
from math import exp
from typing import Final, Protocol, Self, TypeVar

import numpy as np

from sidecar.planning.problem import Plan, Problem
from sidecar.planning.scoring import rank

_START_TEMPERATURE: Final = 0.6  # relative to the points that a typical step gains or loses
_NOISE: Final = 0.5  # of the dishes' gains at a step, relative to its temperature


class Annealed(Protocol):
    """A plan under search."""

    plan: list[int]

    def copy(self) -> Self:
        """Return an independent copy."""

    def score(self) -> float:
        """Return the plan's points, plus a large number for each meal."""


AnnealedT = TypeVar("AnnealedT", bound=Annealed)


def anneal(
    start: AnnealedT,
    problem: Problem,
    recreate: Callable[[AnnealedT, np.random.Generator, float], None],
    steps: int,
    stop: Callable[[], bool],
    seed: int,
) -> Iterator[Plan]:
    """Yield plans, each better than the last, for `steps` steps or until `stop()`.

    `recreate` changes a plan, by random numbers and with noise of this scale on dishes' gains.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    current, score = start, start.score()
    best_score = score
    best_rank = rank(problem, tuple(start.plan))
    weights = problem.weights
    typical_step = max(weights.purchase, weights.cuisine, weights.rescue // 4, 10)
    for step in range(steps):
        if stop():
            return
        temperature = _START_TEMPERATURE * typical_step * max(0.01, (1 - step / steps) ** 2)
        trial = current.copy()
        recreate(trial, rng, temperature * _NOISE)
        new_score = trial.score()
        if new_score >= score or rng.random() < exp((new_score - score) / temperature):
            current, score = trial, new_score
            if score > best_score:
                best_score = score
                plan = tuple(current.plan)
                if (new_rank := rank(problem, plan)) > best_rank:
                    best_rank = new_rank
                    yield plan
