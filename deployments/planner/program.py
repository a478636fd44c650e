"""Mixed 0-1 linear programs: bounds on what any plan is worth, and better plans.

formulation.py builds them. The solver is HiGHS, by way of scipy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor, inf

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from deployments.planner.cells import Cell, Slots, spread
from deployments.planner.cuts import Row, Shortage, violated
from deployments.planner.problem import Plan, Problem

Floats = NDArray[np.float64]

# HiGHS works to 1e-6; a bound is raised by this much before it is rounded down to whole points.
_TOLERANCE = 1e-5
_INFEASIBLE = 2
_MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Program:
    """max worth @ x with matrix @ x <= limit, lower <= x <= upper, x[whole] integers."""

    problem: Problem
    classes: tuple[Slots, ...]
    cells: tuple[Cell, ...]  # of the first columns, in order
    worth: Floats
    matrix: csr_array
    limit: Floats
    lower: Floats
    upper: Floats
    whole: NDArray[np.bool_]
    shortages: tuple[Shortage, ...]

    def plan(self, solution: Floats) -> Plan:
        """The plan of a solution."""
        counts = [round(float(count)) for count in solution[: len(self.cells)]]
        return spread(self.problem, self.classes, list(zip(self.cells, counts, strict=True)))


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The linear relaxation: a proven bound in points, its point, and the reduced costs."""

    bound: float
    solution: Floats
    reduced: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search came to: no plan with as many meals is worth more than `bound` points."""

    plan: Plan | None
    bound: int | None
    impossible: bool


def relax(program: Program, seconds: float) -> Relaxation | None:
    """Solve the linear relaxation; None if that took too long.

    The bound is the Lagrangian one of the (clipped) row duals, which holds for any duals whatever
    the solver's tolerance was.
    """
    result = linprog(
        -program.worth,
        A_ub=program.matrix,
        b_ub=program.limit,
        bounds=np.column_stack([program.lower, program.upper]),
        method="highs",
        options={"time_limit": max(0.05, seconds)},
    )
    if result.x is None or result.status != 0:
        return None
    duals = np.maximum(0.0, -result.ineqlin.marginals)
    reduced = program.worth - program.matrix.T @ duals
    best = np.maximum(reduced * program.lower, reduced * program.upper)
    return Relaxation(float(best.sum() + duals @ program.limit), result.x, reduced)


def strengthen(
    program: Program, relaxation: Relaxation, seconds_left: Callable[[], float]
) -> Iterator[tuple[Program, Relaxation]]:
    """Cut the relaxation's point off and solve anew, until nothing cuts it or the time is up."""
    rows = len(program.limit)
    for _ in range(_MOST_ROUNDS):
        cuts = violated(program.shortages, relaxation.solution)
        if not cuts or seconds_left() <= 0:
            return
        longer = _with(program, cuts)
        again = relax(longer, seconds_left())
        if again is None:
            return
        # What doesn't bind the new point is dropped: later rounds find it again should it matter.
        slack = longer.limit - longer.matrix @ again.solution
        kept = np.flatnonzero((np.arange(len(slack)) < rows) | (slack < _TOLERANCE))
        program = replace(longer, matrix=longer.matrix[kept], limit=longer.limit[kept])
        relaxation = again
        yield program, relaxation


def _with(program: Program, rows: Sequence[Row]) -> Program:
    more = csr_array(
        (
            np.concatenate([row.values for row in rows]),
            np.concatenate([row.columns for row in rows]),
            np.cumsum([0, *(len(row.columns) for row in rows)]),
        ),
        shape=(len(rows), len(program.worth)),
    )
    return replace(
        program,
        matrix=csr_array(vstack([program.matrix, more])),
        limit=np.append(program.limit, [row.limit for row in rows]),
    )


def tighten(program: Program, relaxation: Relaxation, target: int) -> Program:
    """Fix the columns that no plan worth `target` points or more can move off their bound."""
    slack = relaxation.bound - target + _TOLERANCE
    reach = slack / np.maximum(np.abs(relaxation.reduced), 1e-9)
    width = program.upper - program.lower
    # A whole column can move off its bound by whole steps only.
    steps = np.where(program.whole, np.floor(np.minimum(reach, 1e6)), reach)
    move = np.minimum(width, steps)
    upper = np.where(relaxation.reduced < 0, program.lower + move, program.upper)
    lower = np.where(relaxation.reduced > 0, program.upper - move, program.lower)
    return replace(program, lower=lower, upper=upper)


def search(program: Program, seconds: float) -> Outcome:
    """The best plan branch-and-cut finds in this time, with a bound on the worth of any."""
    result = milp(
        -program.worth,
        integrality=program.whole.astype(int),
        bounds=Bounds(program.lower, program.upper),
        constraints=LinearConstraint(program.matrix, -inf, program.limit),
        options={"time_limit": max(0.05, seconds), "mip_rel_gap": 0.0},
    )
    bound = result.mip_dual_bound
    return Outcome(
        plan=None if result.x is None else program.plan(result.x),
        bound=None if bound is None or not np.isfinite(bound) else whole_points(-bound),
        impossible=result.status == _INFEASIBLE,
    )


def whole_points(bound: float) -> int:
    """A bound in whole points, never rounded below what floating point can vouch for."""
    return floor(bound + _TOLERANCE * max(1.0, abs(bound) / 1e4))
