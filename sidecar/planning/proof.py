"""Bounds the objective of every plan of a program: relaxation, cuts, then a tree."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from sidecar.planning import milp_solver
from sidecar.planning.indicator_tree import IndicatorTree
from sidecar.planning.milp_solver import MilpProgram, MilpResult, Relaxer
from sidecar.planning.problem import Plan

_RELAXATION_SHARE = 0.5  # of the time, at most, for the linear relaxation
_CUT_SHARE = 0.2  # of the time remaining then, to tighten it
_MIN_TREE_COLUMNS = 1_000  # of the smallest program that HiGHS's own tree is too slow for


class Proof:
    """What is proven of the plans of a program, beginning with one of `objective` points.

    No plan has more points than `bound`, None while nothing is proven. `plan` is a better one, if
    one was found; with `complete`, it is the best, or without it the first one is. Another thread
    may read these while `run` goes on.
    """

    def __init__(
        self,
        program: MilpProgram,
        objective: int,
        remaining_s: Callable[[], float],
        on_bound: Callable[[int], None],
        *,
        idle_core: bool,
    ) -> None:
        self.bound: int | None = None
        self.plan: Plan | None = None
        self.complete = False
        self.searches = False  # both cores are busy with trees
        self._program, self._objective = program, objective
        self._remaining_s, self._on_bound = remaining_s, on_bound
        self._idle_core = idle_core

    def run(self) -> None:
        """Prove what the time allows."""
        relaxer = milp_solver.relax(self._program, self._remaining_s() * _RELAXATION_SHARE)
        if relaxer is None:
            return
        self._lower(relaxer.relaxation.bound)
        until = (1 - _CUT_SHARE) * self._remaining_s()
        for stronger in relaxer.strengthen(lambda: self._remaining_s() - until):
            self._lower(stronger.bound)
            if self.complete:
                return
        if self.complete or self._remaining_s() <= 0:
            return
        indicators = self._program.indicators
        if indicators and len(self._program.objective) >= _MIN_TREE_COLUMNS:
            self._search_tree(relaxer)
        else:
            self._search(relaxer)

    def _lower(self, bound: float) -> None:
        points = max(milp_solver.whole_points(bound), self._objective)
        if self.bound is None or points < self.bound:
            self.bound = points
            self.complete = points == self._objective
            self._on_bound(points)

    def _search_tree(self, relaxer: Relaxer) -> None:
        """Run the tree, and on an idle core HiGHS's branch-and-cut beside it.

        Which of them gets further differs from request to request; each stops when the other has
        its proof.
        """
        stopped = Event()
        tree = IndicatorTree(
            relaxer,
            self._objective + 1,
            lambda: 0.0 if stopped.is_set() else self._remaining_s(),
            self._lower,
        )
        if not self._idle_core:
            self._finish_tree(tree)
            return
        self.searches = True
        program = self._tightened(relaxer)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(
                milp_solver.search, program, self._remaining_s(), stop=stopped.is_set
            )
            other.add_done_callback(lambda _: stopped.set())
            self._finish_tree(tree)
            if self.complete:
                stopped.set()
            result = other.result()
        if not self.complete:
            self._accept(result)

    def _finish_tree(self, tree: IndicatorTree) -> None:
        tree.run()
        self.plan = tree.plan
        if tree.finished:
            self._lower(tree.target - 1)
            self.complete = True

    def _search(self, relaxer: Relaxer) -> None:
        program = self._tightened(relaxer)
        self._accept(
            milp_solver.search(
                program, self._remaining_s(), idle_core=self._idle_core and not program.is_large
            )
        )

    def _tightened(self, relaxer: Relaxer) -> MilpProgram:
        return milp_solver.tighten(relaxer.binding(), relaxer.relaxation, self._objective + 1)

    def _accept(self, result: MilpResult) -> None:
        """Take what branch-and-cut has proven."""
        self.plan = result.plan if result.plan is not None else self.plan
        if result.infeasible:  # no plan has one point more than the first one
            self._lower(self._objective)
        elif result.bound is not None:
            self._lower(result.bound)
        self.complete = self.complete or (result.plan is not None and result.optimal)
