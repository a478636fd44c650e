"""Collects the columns and rows of a mixed 0-1 linear program."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from sidecar.planning.cutting_planes import KnapsackRow
from sidecar.planning.milp_solver import MilpProgram
from sidecar.planning.problem import Problem
from sidecar.planning.slot_classes import SlotClass, SlotRun


class ProgramBuilder:
    """Collects columns and rows `terms <= limit`. The first columns are those of the runs."""

    def __init__(
        self, problem: Problem, classes: tuple[SlotClass, ...], runs: Sequence[SlotRun]
    ) -> None:
        self.problem, self.classes, self.runs = problem, classes, tuple(runs)
        self.objective: list[float] = []
        self.upper: list[float] = []
        self.integer: list[bool] = []
        self.index: list[int] = []
        self.value: list[float] = []
        self.start = [0]
        self.limit: list[float] = []
        self.knapsack_rows: list[KnapsackRow] = []

    def add_column(self, points: float, upper: float, *, integer: bool) -> int:
        self.objective.append(points)
        self.upper.append(upper)
        self.integer.append(integer)
        return len(self.objective) - 1

    def add_row(self, terms: dict[int, float], limit: float, scale: float = 1.0) -> None:
        """Add a row divided by `scale`, so that grams and pieces have the same magnitude."""
        self.index.extend(terms)
        self.value.extend(value / scale for value in terms.values())
        self.start.append(len(self.index))
        self.limit.append(limit / scale)

    def program(self) -> MilpProgram:
        return MilpProgram(
            problem=self.problem,
            classes=self.classes,
            runs=self.runs,
            objective=np.array(self.objective, float),
            matrix=csr_array(
                (
                    np.array(self.value, float),
                    np.array(self.index, np.int32),
                    np.array(self.start, np.int32),
                ),
                shape=(len(self.limit), len(self.objective)),
            ),
            limit=np.array(self.limit, float),
            lower=np.zeros(len(self.objective)),
            upper=np.array(self.upper, float),
            integer=np.array(self.integer, bool),
            knapsack_rows=tuple(self.knapsack_rows),
        )
