"""Solving mixed 0-1 linear programs with HiGHS: bounds on the objective, and better plans.

milp_model.py builds the programs.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from math import floor
from typing import Any

import numpy as np
from highspy import (
    HighsBasis,
    HighsLp,
    HighsModelStatus,
    MatrixFormat,
    SolutionStatus,
    kHighsInf,
)
from highspy._core import _Highs
from highspy._core.cb import HighsCallbackType
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from sidecar.planning.cutting_planes import Cut, Floats, Ints, KnapsackRow, violated_cuts
from sidecar.planning.problem import Plan, Problem
from sidecar.planning.slot_classes import SlotClass, SlotRun, assign_slots

# HiGHS works to 1e-6. A bound is raised by this much before it is rounded down to whole points.
_TOLERANCE = 1e-5
_MAX_ROUNDS = 20
_MIN_TIME_S = 0.05
#: HiGHS looks at the clock between its steps. One of them (mod-k cuts of long rows) takes minutes.
_OVERRUN_S = 0.1
_SEARCHES = 2  # of one tree at once; more would change which of equal plans is found

#: Local search leaves HiGHS's heuristics nothing to find, and a restart drops the most useful rows.
#: With both off, 8 of 15 programs of 100 x 14 were solved in the time of 4 with both on.
_SEARCH_OPTIONS = {"mip_rel_gap": 0.0, "mip_heuristic_effort": 0.0, "mip_allow_restart": False}


Basis = HighsBasis


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
    indicators: tuple[Ints, ...] = ()  # integer columns to branch on first, the most telling first

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
    optimal: bool = False  # the plan is proven the best


def relax(program: MilpProgram, seconds: float) -> "Relaxer | None":
    """Solve the linear relaxation, None if the time ran out."""
    relaxer = Relaxer(program, seconds)
    return relaxer if relaxer.solve(seconds) else None


class Relaxer:
    """The linear relaxation of a program, which is solved again from its basis as cuts are added.

    `relaxation` is that of the newest `program`, whose rows are those of the first and the cuts.
    """

    relaxation: Relaxation

    def __init__(self, program: MilpProgram, seconds: float) -> None:
        self.program = program
        self._solver = _solver(program, seconds)
        if program.is_large:
            self._solver.setOptionValue("solver", "ipm")
        self._row_count = len(program.limit)

    def solve(self, seconds: float) -> bool:
        """Solve the program; return False if the time ran out.

        The bound is the Lagrangian one of the clipped row duals, valid whatever the tolerance.
        """
        solver, program = self._solver, self.program
        # HiGHS's clock goes on from one run to the next.
        solver.setOptionValue("time_limit", solver.getRunTime() + max(_MIN_TIME_S, seconds))
        solver.run()
        solver.setOptionValue("solver", "simplex")  # from now on, from the basis
        if solver.getModelStatus() != HighsModelStatus.kOptimal:
            return False
        solution = solver.getSolution()
        duals = np.maximum(0.0, -np.array(solution.row_dual))
        reduced_costs = program.objective - program.matrix.T @ duals
        best = np.maximum(reduced_costs * program.lower, reduced_costs * program.upper)
        self.relaxation = Relaxation(
            float(best.sum() + duals @ program.limit), np.array(solution.col_value), reduced_costs
        )
        return True

    def solve_within(self, lower: Floats, upper: Floats, basis: Basis, seconds: float) -> bool:
        """Solve the program with other bounds of its columns, from a basis."""
        columns = np.arange(len(lower), dtype=np.int32)
        self._solver.changeColsBounds(len(columns), columns, lower, upper)
        self._solver.setBasis(basis)
        self.program = replace(self.program, lower=lower, upper=upper)
        return self.solve(seconds)

    def basis(self) -> Basis:
        """Return the basis of the newest solution."""
        return self._solver.getBasis()

    @property
    def infeasible(self) -> bool:
        """Return whether the newest program was found to have no solution."""
        return bool(self._solver.getModelStatus() == HighsModelStatus.kInfeasible)

    def strengthen(self, remaining_s: Callable[[], float]) -> Iterator[Relaxation]:
        """Cut off the solution and solve again, until no cut is violated or time is up."""
        for _ in range(_MAX_ROUNDS):
            cuts = violated_cuts(self.program.knapsack_rows, self.relaxation.solution)
            if not cuts or remaining_s() <= 0:
                break
            self.program = _with_cuts(self.program, cuts)
            for cut in cuts:
                columns = cut.columns.astype(np.int32)
                self._solver.addRow(-kHighsInf, cut.limit, len(columns), columns, cut.values)
            if not self.solve(remaining_s()):
                break
            yield self.relaxation

    def binding(self) -> MilpProgram:
        """Return the program without the cuts that don't bind the solution."""
        program = self.program
        slack = program.limit - program.matrix @ self.relaxation.solution
        rows = np.flatnonzero((np.arange(len(slack)) < self._row_count) | (slack < _TOLERANCE))
        return replace(program, matrix=program.matrix[rows], limit=program.limit[rows])


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


def search(
    program: MilpProgram,
    seconds: float,
    *,
    idle_core: bool = False,
    stop: Callable[[], bool] | None = None,
) -> MilpResult:
    """Run branch-and-cut for this time; return the best plan found and a bound on every plan.

    The tree is searched in two places at once: on the idle core, or in turns on one, with the same
    result. `stop` ends it early. A search that doesn't end in time is left to itself and returns
    nothing: this process is then busy until it has ended (`is_overdue`), or is killed.
    """
    solver = _solver(program, seconds)
    if stop is not None:
        _interrupt(solver, stop)
    solver.setOptionValue("mip_search_simulate_concurrency", not idle_core)
    # HighsVarType: 0 is continuous, 1 is an integer.
    columns = np.arange(len(program.integer), dtype=np.int32)
    solver.changeColsIntegrality(len(columns), columns, program.integer.astype(np.uint8))
    for option, value in _SEARCH_OPTIONS.items():
        solver.setOptionValue(option, value)
    if not _runs_within(solver, seconds):
        return MilpResult(plan=None, bound=None, infeasible=False)
    if solver.getModelStatus() == HighsModelStatus.kInfeasible:
        return MilpResult(plan=None, bound=None, infeasible=True)
    info = solver.getInfo()
    has_plan = info.primal_solution_status == SolutionStatus.kSolutionStatusFeasible
    bound = -info.mip_dual_bound
    return MilpResult(
        plan=program.plan(np.array(solver.getSolution().col_value)) if has_plan else None,
        bound=whole_points(bound) if np.isfinite(bound) else None,
        infeasible=False,
        optimal=solver.getModelStatus() == HighsModelStatus.kOptimal,
    )


_overdue: list[threading.Thread] = []


def is_overdue() -> bool:
    """Return whether a search of this process still runs although its time is over."""
    return any(thread.is_alive() for thread in _overdue)


def wait_for_overdue() -> None:
    """Wait until no search of this process runs whose time is over."""
    while _overdue:
        _overdue.pop().join()


def _runs_within(solver: _Highs, seconds: float) -> bool:
    """Run the solver; return False if it doesn't end in this time."""
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            solver.run()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    thread = threading.Thread(target=run, name="search", daemon=True)
    thread.start()
    try:
        outcome.result(max(_MIN_TIME_S, seconds) + _OVERRUN_S)
    except TimeoutError:
        _overdue.append(thread)
        return False
    return True


def _interrupt(solver: _Highs, stop: Callable[[], bool]) -> None:
    """Let `stop` end a solver's branch-and-cut."""

    def check(_kind: object, _message: str, _out: object, answer: Any, _data: object) -> None:
        answer.user_interrupt = stop()

    solver.setCallback(check, None)
    solver.startCallback(HighsCallbackType.kCallbackMipInterrupt)


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
    solver.setOptionValue("threads", _SEARCHES)  # used by branch-and-cut on an idle core alone
    solver.setOptionValue("time_limit", max(_MIN_TIME_S, seconds))
    solver.passModel(lp)
    return solver


def whole_points(bound: float) -> int:
    """Round a bound down to whole points, allowing for floating-point error."""
    return floor(bound + _TOLERANCE * max(1.0, abs(bound) / 1e4))
