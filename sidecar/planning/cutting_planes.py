"""Cutting planes against solutions that use more than a stock has while only half buying the item.

A knapsack row says: the uses X of some dishes fit into the capacity left, or the item is bought
(b = 1). Either b = 0 and the knapsack  sum q X <= capacity  holds, or b = 1 and there is no limit.
Splitting each X into a part for either case and projecting the split away (Balas, "Disjunctive
programming", 1979) gives for every set S of dishes, where u is the maximum uses of a dish,

    sum over S of  q (X - u b)  <=  capacity (1 - b)

and, as at most k dishes fit that each need more than capacity / (k + 1), for sets S of such dishes

    sum over S of  X - u b  <=  k (1 - b).

For a given solution of the relaxation, the most violated set holds the dishes with X > u b.

Where columns exclude each other, as the dishes of one person's meal do, one sum stands for each
group of them: of the dishes that need more than capacity / (k + 1), at most k groups take one.

    sum over groups of  (sum of x) - b  <=  k (1 - b)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MAX_K = 4
_MAX_GROUPS_K = 12
_MIN_VIOLATION = 1e-3


@dataclass(frozen=True, slots=True)
class KnapsackRow:
    """The uses of a stock after some day. `columns[i]` is a use of dish `owner[i]`.

    Of the columns of a group at most one is 1.
    """

    columns: Ints
    owner: Ints
    quantity: Floats  # of one use, by dish
    max_uses: Floats  # by dish
    capacity: float
    bought: int  # the column b
    groups: Ints | None = None  # of the columns


@dataclass(frozen=True, slots=True)
class Cut:
    """The inequality values @ x[columns] <= limit."""

    columns: Ints
    values: Floats
    limit: float


def violated_cuts(rows: Sequence[KnapsackRow], solution: Floats) -> list[Cut]:
    """Return the most violated cut of each row and kind, for the rows that have one."""
    cuts = [_most_violated(row, solution) for row in rows]
    cuts += [_most_violated_groups(row, solution) for row in rows if row.groups is not None]
    return [cut for cut in cuts if cut is not None]


def _most_violated(row: KnapsackRow, solution: Floats) -> Cut | None:
    bought = min(1.0, float(solution[row.bought]))
    uses = np.bincount(row.owner, solution[row.columns], len(row.quantity))
    excess = uses - row.max_uses * bought
    best_violation, best_cut = _MIN_VIOLATION, None
    for weights, capacity in _families(row):
        chosen = np.where(excess > 0, weights, 0.0)
        values = chosen[row.owner]
        violation = float(chosen @ excess) - capacity * (1 - bought)
        if violation > best_violation * (length := float(np.linalg.norm(values))):
            best_violation = violation / length
            nonzero = values > 0
            best_cut = Cut(
                np.append(row.columns[nonzero], row.bought),
                np.append(values[nonzero], capacity - float(chosen @ row.max_uses)),
                capacity,
            )
    return best_cut


def _most_violated_groups(row: KnapsackRow, solution: Floats) -> Cut | None:
    assert row.groups is not None
    bought = min(1.0, float(solution[row.bought]))
    quantity, value = row.quantity[row.owner], solution[row.columns]
    best_violation, best_cut = _MIN_VIOLATION, None
    for k in range(_MAX_GROUPS_K + 1):
        large = quantity * (k + 1) > row.capacity
        excess = np.bincount(row.groups[large], value[large], int(row.groups.max()) + 1) - bought
        chosen = large & (excess[row.groups] > _MIN_VIOLATION)
        groups = len(np.unique(row.groups[chosen]))
        violation = float(excess[excess > _MIN_VIOLATION].sum()) - k * (1 - bought)
        length = float(np.hypot(np.sqrt(np.count_nonzero(chosen)), k - groups))
        if groups > k and violation > best_violation * length:
            best_violation = violation / length
            columns = row.columns[chosen]
            best_cut = Cut(
                np.append(columns, row.bought),
                np.append(np.ones(len(columns)), float(k - groups)),
                float(k),
            )
    return best_cut


def _families(row: KnapsackRow) -> Iterator[tuple[Floats, float]]:
    """Yield the dishes' weights in each family of cuts, and their capacity if nothing is bought."""
    scale = max(1.0, row.capacity)
    yield row.quantity / scale, row.capacity / scale
    for k in range(_MAX_K + 1):
        yield (row.quantity * (k + 1) > row.capacity).astype(float), float(k)
