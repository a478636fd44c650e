"""Mixed 0-1 linear programs: bounds on what any plan is worth, and better plans.

formulation.py builds them. The solver is HiGHS.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from highspy import (
    HighsLp,
    HighsModelStatus,
    MatrixFormat,
    SolutionStatus,
    kHighsInf,
)
from highspy._core import _Highs
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from sidecar.planning.cutting_planes import Cut, KnapsackRow, violated_cuts
from sidecar.planning.problem import Plan, Problem
from sidecar.planning.slot_classes import SlotRun, Slots, spread

Floats = NDArray[np.float64]

# HiGHS works to 1e-6; a bound is raised by this much before it is rounded down to whole points.
_TOLERANCE = 1e-5
_MOST_ROUNDS = 20
_LEAST_S = 0.05

#: Of HiGHS's own ways to find plans local search leaves it nothing to find, and a restart throws
#: away the rows that these programs need most: without both, of 15 programs of 100 x 14, 8 were
#: solved in the time that 4 were solved in with them.
_SEARCHING = {"mip_rel_gap": 0.0, "mip_heuristic_effort": 0.0, "mip_allow_restart": False}


@dataclass(frozen=True, slots=True)
class MilpProgram:
    """max worth @ x with matrix @ x <= limit, lower <= x <= upper, x[whole] integers."""

    problem: Problem
    classes: tuple[Slots, ...]
    cells: tuple[SlotRun, ...]  # of the first columns, in order
    worth: Floats
    matrix: csr_array
    limit: Floats
    lower: Floats
    upper: Floats
    whole: NDArray[np.bool_]
    shortages: tuple[KnapsackRow, ...]

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
class MilpResult:
    """What a search came to: no plan with as many meals is worth more than `bound` points."""

    plan: Plan | None
    bound: int | None
    impossible: bool


def relax(program: MilpProgram, seconds: float) -> Relaxation | None:
    """Solve the linear relaxation; None if that took too long.

    The bound is the Lagrangian one of the (clipped) row duals, which holds for any duals whatever
    the solver's tolerance was.
    """
    solver = _solver(program, seconds)
    solver.run()
    if solver.getModelStatus() != HighsModelStatus.kOptimal:
        return None
    solution = solver.getSolution()
    duals = np.maximum(0.0, -np.array(solution.row_dual))
    reduced = program.worth - program.matrix.T @ duals
    best = np.maximum(reduced * program.lower, reduced * program.upper)
    return Relaxation(
        float(best.sum() + duals @ program.limit), np.array(solution.col_value), reduced
    )


def strengthen(
    program: MilpProgram, relaxation: Relaxation, seconds_left: Callable[[], float]
) -> Iterator[tuple[MilpProgram, Relaxation]]:
    """Cut the relaxation's point off and solve anew, until nothing cuts it or the time is up."""
    rows = len(program.limit)
    for _ in range(_MOST_ROUNDS):
        cuts = violated_cuts(program.shortages, relaxation.solution)
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


def _with(program: MilpProgram, rows: Sequence[Cut]) -> MilpProgram:
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


def tighten(program: MilpProgram, relaxation: Relaxation, target: int) -> MilpProgram:
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


def search(program: MilpProgram, seconds: float) -> MilpResult:
    """The best plan branch-and-cut finds in this time, with a bound on the worth of any."""
    solver = _solver(program, seconds)
    # HighsVarType: 0 is continuous, 1 is an integer.
    columns = np.arange(len(program.whole), dtype=np.int32)
    solver.changeColsIntegrality(len(columns), columns, program.whole.astype(np.uint8))
    for option, value in _SEARCHING.items():
        solver.setOptionValue(option, value)
    solver.run()
    if solver.getModelStatus() == HighsModelStatus.kInfeasible:
        return MilpResult(plan=None, bound=None, impossible=True)
    info = solver.getInfo()
    found = info.primal_solution_status == SolutionStatus.kSolutionStatusFeasible
    bound = -info.mip_dual_bound
    return MilpResult(
        plan=program.plan(np.array(solver.getSolution().col_value)) if found else None,
        bound=whole_points(bound) if np.isfinite(bound) else None,
        impossible=False,
    )


def _solver(program: MilpProgram, seconds: float) -> _Highs:
    """The linear program, as a minimisation."""
    matrix = program.matrix
    lp = HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = -program.worth, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = np.full(len(program.limit), -kHighsInf), program.limit
    lp.a_matrix_.format_ = MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    solver = _Highs()  # highspy.Highs greets on stdout, which is the log's
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)  # the other cores are for other requests
    solver.setOptionValue("time_limit", max(_LEAST_S, seconds))
    solver.passModel(lp)
    return solver


def whole_points(bound: float) -> int:
    """A bound in whole points, never rounded below what floating point can vouch for."""
    return floor(bound + _TOLERANCE * max(1.0, abs(bound) / 1e4))
