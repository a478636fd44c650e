"""Solving mixed 0-1 linear programs with HiGHS: bounds on the objective, and better plans.

milp_model.py builds the programs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from highspy import HighsLp, HighsModelStatus, MatrixFormat, SolutionStatus, kHighsInf
from highspy._core import _Highs
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from sidecar.planning.cutting_planes import Cut, Floats, KnapsackRow, violated_cuts
from sidecar.planning.problem import Plan, Problem
from sidecar.planning.slot_classes import SlotClass, SlotRun, assign_slots

# HiGHS works to 1e-6. A bound is raised by this much before it is rounded down to whole points.
_TOLERANCE = 1e-5
_MAX_ROUNDS = 20
_MIN_TIME_S = 0.05

#: Local search leaves HiGHS's heuristics nothing to find, and a restart drops the most useful rows.
#: With both off, 8 of 15 programs of 100 x 14 were solved in the time of 4 with both on.
_SEARCH_OPTIONS = {"mip_rel_gap": 0.0, "mip_heuristic_effort": 0.0, "mip_allow_restart": False}

#: Twice to three times as fast as simplex on programs of several people, whose bounds are as good.
#: Without crossover its status may be unknown, for it takes the last digits from a vertex.
_INTERIOR_POINT = {"solver": "ipm", "run_crossover": "off"}


@dataclass(frozen=True, slots=True)
class MilpProgram:
    """Maximize objective @ x with matrix @ x <= limit, lower <= x <= upper, x[integer] integers."""

    problem: Problem
    classes: tuple[SlotClass, ...]
    runs: tuple[SlotRun, ...]  # of the first columns, in order
    objective: Floats
    matrix: csr_array
    limit: Floats
    lower: Floats
    upper: Floats
    integer: NDArray[np.bool_]
    knapsack_rows: tuple[KnapsackRow, ...]
    is_large: bool = False

    def plan(self, solution: Floats) -> Plan:
        """Return the plan of a solution."""
        counts = [round(float(count)) for count in solution[: len(self.runs)]]
        return assign_slots(self.problem, self.classes, list(zip(self.runs, counts, strict=True)))


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The linear relaxation: a proven bound in points, the solution, and the reduced costs."""

    bound: float
    solution: Floats
    reduced_costs: Floats


@dataclass(frozen=True, slots=True)
class MilpResult:
    """The result of a search: no plan with as many meals has an objective above `bound` points."""

    plan: Plan | None
    bound: int | None
    infeasible: bool


def relax(program: MilpProgram, seconds: float) -> Relaxation | None:
    """Solve the linear relaxation, None if the time ran out.

    The bound is the Lagrangian one of the clipped row duals, valid whatever the solver's tolerance.
    """
    solver = _solver(program, seconds)
    for option, value in (_INTERIOR_POINT if program.is_large else {}).items():
        solver.setOptionValue(option, value)
    solver.run()
    done = (HighsModelStatus.kOptimal, *((HighsModelStatus.kUnknown,) if program.is_large else ()))
    if solver.getModelStatus() not in done:
        return None
    solution = solver.getSolution()
    duals = np.maximum(0.0, -np.array(solution.row_dual))
    reduced_costs = program.objective - program.matrix.T @ duals
    best = np.maximum(reduced_costs * program.lower, reduced_costs * program.upper)
    return Relaxation(
        float(best.sum() + duals @ program.limit), np.array(solution.col_value), reduced_costs
    )


def strengthen(
    program: MilpProgram, relaxation: Relaxation, remaining_s: Callable[[], float]
) -> Iterator[tuple[MilpProgram, Relaxation]]:
    """Cut off the relaxation's solution and solve again, until no cut is violated or time is up."""
    row_count = len(program.limit)
    for _ in range(_MAX_ROUNDS):
        cuts = violated_cuts(program.knapsack_rows, relaxation.solution)
        if not cuts or remaining_s() <= 0:
            return
        extended = _with_cuts(program, cuts)
        stronger = relax(extended, remaining_s())
        if stronger is None:
            return
        # Cuts that don't bind the new solution are dropped: later rounds can find them again.
        slack = extended.limit - extended.matrix @ stronger.solution
        binding = np.flatnonzero((np.arange(len(slack)) < row_count) | (slack < _TOLERANCE))
        program = replace(extended, matrix=extended.matrix[binding], limit=extended.limit[binding])
        relaxation = stronger
        yield program, relaxation


def _with_cuts(program: MilpProgram, cuts: Sequence[Cut]) -> MilpProgram:
    rows = csr_array(
        (
            np.concatenate([cut.values for cut in cuts]),
            np.concatenate([cut.columns for cut in cuts]),
            np.cumsum([0, *(len(cut.columns) for cut in cuts)]),
        ),
        shape=(len(cuts), len(program.objective)),
    )
    return replace(
        program,
        matrix=csr_array(vstack([program.matrix, rows])),
        limit=np.append(program.limit, [cut.limit for cut in cuts]),
    )


def tighten(program: MilpProgram, relaxation: Relaxation, target: int) -> MilpProgram:
    """Tighten the bounds of columns by reduced costs, for plans of at least `target` points."""
    slack = relaxation.bound - target + _TOLERANCE
    reach = slack / np.maximum(np.abs(relaxation.reduced_costs), 1e-9)
    width = program.upper - program.lower
    # An integer column moves off its bound in whole steps.
    steps = np.where(program.integer, np.floor(np.minimum(reach, 1e6)), reach)
    move = np.minimum(width, steps)
    upper = np.where(relaxation.reduced_costs < 0, program.lower + move, program.upper)
    lower = np.where(relaxation.reduced_costs > 0, program.upper - move, program.lower)
    return replace(program, lower=lower, upper=upper)


def search(program: MilpProgram, seconds: float) -> MilpResult:
    """Run branch-and-cut for this time; return the best plan found and a bound on every plan."""
    solver = _solver(program, seconds)
    # HighsVarType: 0 is continuous, 1 is an integer.
    columns = np.arange(len(program.integer), dtype=np.int32)
    solver.changeColsIntegrality(len(columns), columns, program.integer.astype(np.uint8))
    for option, value in _SEARCH_OPTIONS.items():
        solver.setOptionValue(option, value)
    solver.run()
    if solver.getModelStatus() == HighsModelStatus.kInfeasible:
        return MilpResult(plan=None, bound=None, infeasible=True)
    info = solver.getInfo()
    has_plan = info.primal_solution_status == SolutionStatus.kSolutionStatusFeasible
    bound = -info.mip_dual_bound
    return MilpResult(
        plan=program.plan(np.array(solver.getSolution().col_value)) if has_plan else None,
        bound=whole_points(bound) if np.isfinite(bound) else None,
        infeasible=False,
    )


def most_meals(program: MilpProgram, weights: Sequence[int], seconds: float) -> MilpResult:
    """Search for the plan that feeds the most. `bound` is the number no plan can exceed.

    `weights` are how many people eat at each slot.
    """
    objective = np.zeros(len(program.objective))
    for column, run in enumerate(program.runs):
        objective[column] = weights[program.classes[run.slot_class][run.first]]
    return search(replace(program, objective=objective), seconds)


def _solver(program: MilpProgram, seconds: float) -> _Highs:
    """Return HiGHS with the linear program as a minimization."""
    matrix = program.matrix
    lp = HighsLp()
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = -program.objective, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = np.full(len(program.limit), -kHighsInf), program.limit
    lp.a_matrix_.format_ = MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    solver = _Highs()  # highspy.Highs prints a banner to stdout
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)  # the other cores are for other requests
    solver.setOptionValue("time_limit", max(_MIN_TIME_S, seconds))
    solver.passModel(lp)
    return solver


def whole_points(bound: float) -> int:
    """Round a bound down to whole points, allowing for floating-point error."""
    return floor(bound + _TOLERANCE * max(1.0, abs(bound) / 1e4))
