"""Branch and bound over the recipes that are cooked at all, for programs too large for HiGHS's own.

A recipe that is cooked at one half buys one half of its foods: most of the gap of a household's
relaxation. There are few such columns, and each linear program is solved from its parent's basis,
so that dozens of nodes fit into the time in which HiGHS's branch-and-cut computes its root. Then
come the purchases, and then the other columns. A node whose reduced costs leave little open is
left to HiGHS.

Nodes are taken in the order of their bounds. A column is chosen by its pseudocosts, and those that
have none yet by solving both their children (strong branching; Achterberg, Koch and Martin,
"Branching rules revisited", 2005).
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from sidecar.planning.cutting_planes import Floats, Ints
from sidecar.planning.milp_solver import Basis, Relaxer, search, tighten, whole_points
from sidecar.planning.problem import Plan
from sidecar.planning.scoring import assess, is_feasible

_FRACTIONAL = 1e-5
_LOOKAHEAD = 4  # columns without pseudocosts of which both children are solved at a node
_INFEASIBLE_LOSS = 3_000.0  # points that count for a child without a solution
_MIN_LOSS = 1.0
_LEAF_COLUMNS = 1_000  # integer columns that may be open where HiGHS takes over
_MAX_VALUES = 5_000_000  # columns of all open nodes together, each with two bounds and a value
_LEAF_SHARE = 0.3  # of the remaining time, at most, for HiGHS at one node


@dataclass(frozen=True, slots=True)
class _Node:
    """The bounds of the columns, and the solution of the relaxation within them."""

    bound: float
    lower: Floats
    upper: Floats
    solution: Floats
    basis: Basis
    tried: bool = False  # HiGHS has had its time


class _Pseudocosts:
    """The mean loss of the bound for each unit that a column is moved, down and up."""

    def __init__(self, columns: int) -> None:
        self._sums = np.zeros((2, columns))
        self._counts = np.zeros((2, columns))

    def add(self, up: int, column: int, loss: float) -> None:
        self._sums[up, column] += loss
        self._counts[up, column] += 1

    def known(self, column: int) -> bool:
        return bool(self._counts[:, column].all())

    def scores(self, columns: Ints, values: Floats) -> Floats:
        """Return the product of the losses that are expected of either child of each column."""
        sums, counts = self._sums[:, columns], self._counts[:, columns]
        mean = self._sums.sum(axis=1) / np.maximum(self._counts.sum(axis=1), 1)
        losses = np.where(counts > 0, sums / np.maximum(counts, 1), mean[:, None])
        scores: Floats = np.prod(np.maximum(losses * [values, 1 - values], _MIN_LOSS), axis=0)
        return scores


class IndicatorTree:
    """The tree over the plans of a program that have at least `target` points.

    No plan of the program has more points than the greater of `bound` and `target` - 1. `plan` is
    the best that was found here, None at first. `on_bound` receives each better bound.
    """

    def __init__(
        self,
        relaxer: Relaxer,
        target: int,
        remaining_s: Callable[[], float],
        on_bound: Callable[[float], None],
    ) -> None:
        self.target, self._on_bound = target, on_bound
        self.plan: Plan | None = None
        self.bound = relaxer.relaxation.bound
        self._relaxer, self._remaining_s = relaxer, remaining_s
        self._program = tighten(relaxer.program, relaxer.relaxation, target)
        integer = np.flatnonzero(self._program.integer)
        self._tiers = (*self._program.indicators, integer)
        self._pseudocosts = _Pseudocosts(len(self._program.objective))
        self._numbers = count()
        self._open: list[tuple[float, int, _Node]] = []
        self._unresolved = -np.inf  # the highest bound of a node that can't be searched

    @property
    def finished(self) -> bool:
        """Return whether every node is closed, so that `plan` is the best, or the target holds."""
        return not self._open and self._unresolved < self.target

    def run(self) -> None:
        """Search until no open node may have a plan of `target` points, or time or memory is up."""
        program = self._program
        solution, basis = self._relaxer.relaxation.solution, self._relaxer.basis()
        self._push(_Node(self.bound, program.lower, program.upper, solution, basis))
        most_nodes = _MAX_VALUES // len(program.objective)
        while 0 < len(self._open) <= most_nodes and self._remaining_s() > 0:
            node = heapq.heappop(self._open)[2]
            if whole_points(node.bound) < self.target:  # as all others
                self._open.clear()
                break
            for child in self._search(node):
                self._push(child)
            highest = max(-self._open[0][0] if self._open else -np.inf, self._unresolved)
            bound = max(highest, self.target - 1)
            if bound < self.bound:
                self.bound = bound
                self._on_bound(bound)

    def _push(self, node: _Node) -> None:
        if whole_points(node.bound) >= self.target:
            heapq.heappush(self._open, (-node.bound, next(self._numbers), node))

    def _search(self, node: _Node) -> Iterator[_Node]:
        """Yield the nodes that take a node's place."""
        for number, tier in enumerate(self._tiers):
            values = node.solution[tier]
            fractional = tier[np.abs(values - np.round(values)) > _FRACTIONAL]
            if not len(fractional):
                continue
            if number and not node.tried:
                if not self._finish(node):
                    yield replace(node, tried=True)
            else:
                yield from self._branch(node, fractional)
            return
        if not self._accept(self._program.plan(node.solution)):
            self._unresolved = max(self._unresolved, node.bound)

    def _branch(self, node: _Node, columns: Ints) -> Iterator[_Node]:
        """Yield the children of the column whose better child has the lowest bound."""
        values = node.solution[columns] - np.floor(node.solution[columns])
        scores = self._pseudocosts.scores(columns, values)
        order = [int(column) for column in columns[np.argsort(-scores, kind="stable")]]
        unknown = [column for column in order if not self._pseudocosts.known(column)]
        known = [column for column in order if self._pseudocosts.known(column)]
        best: list[_Node] | None = None
        best_bounds: list[float] = []
        for column in (*unknown[:_LOOKAHEAD], *known[:1]):
            children = self._children(node, column)
            if children is None:
                break
            bounds = sorted((child.bound for child in children), reverse=True)
            if best is None or bounds < best_bounds:
                best, best_bounds = children, bounds
            if len(bounds) < 2 or bounds[1] < self.target:  # one side is closed already
                break
        if best is not None:
            yield from best
        elif self._remaining_s() > 0:
            self._unresolved = max(self._unresolved, node.bound)
        else:
            yield node

    def _children(self, node: _Node, column: int) -> list[_Node] | None:
        """Return the children that have a solution, None if one of them was not solved."""
        value = float(node.solution[column])
        children = []
        for up, limit in ((0, np.floor(value)), (1, np.ceil(value))):
            lower, upper = node.lower.copy(), node.upper.copy()
            (lower if up else upper)[column] = limit
            child = self._solve(node, lower, upper)
            if child is None and not self._relaxer.infeasible:
                return None
            loss = _INFEASIBLE_LOSS if child is None else node.bound - child.bound
            self._pseudocosts.add(up, column, loss / abs(value - limit))
            if child is not None:
                children.append(child)
        return children

    def _solve(self, parent: _Node, lower: Floats, upper: Floats) -> _Node | None:
        relaxer, seconds = self._relaxer, self._remaining_s()
        if seconds <= 0 or not relaxer.solve_within(lower, upper, parent.basis, seconds):
            return None
        found = relaxer.relaxation
        bound = min(parent.bound, found.bound)
        return _Node(bound, lower, upper, found.solution, relaxer.basis())

    def _finish(self, node: _Node) -> bool:
        """Let HiGHS search a node of which little is open; return whether it is closed then."""
        if self._solve(node, node.lower, node.upper) is None:
            return False
        left = tighten(self._relaxer.program, self._relaxer.relaxation, self.target)
        if np.count_nonzero(left.integer & (left.upper > left.lower)) > _LEAF_COLUMNS:
            return False
        result = search(left, _LEAF_SHARE * self._remaining_s())
        if result.plan is not None:
            self._accept(result.plan)
        return result.infeasible or (result.bound is not None and result.bound < self.target)

    def _accept(self, plan: Plan) -> bool:
        """Keep a plan that has the points of the target; return whether it has them."""
        problem = self._program.problem
        if not is_feasible(problem, plan):
            return False
        objective = assess(problem, plan).objective
        if objective < self.target:
            return False
        self.plan, self.target = plan, objective + 1
        return True
