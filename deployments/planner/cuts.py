"""Rows that cut off what no plan can do: cooking from stock beyond what there is, half bought.

A shortage says: the use X of some dishes fits into what is left, or the item is bought (b = 1).
Either b = 0 and the knapsack  sum q X <= left  holds, or b = 1 and nothing does. Splitting each X
into a part of either case and projecting the split away (Balas, "Disjunctive programming", 1979)
gives for every set S of dishes, u being the most that a dish may be cooked,

    sum over S of  q (X - u b)  <=  left (1 - b)

and, as no more than k dishes fit that each need more than left / (k + 1), for sets S of such dishes

    sum over S of  X - u b  <=  k (1 - b).

For a point of the relaxation the set that is violated most holds the dishes with X > u b.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_AT_ONCE = 4  # the largest k
_LEAST_VIOLATION = 1e-3


@dataclass(frozen=True, slots=True)
class Shortage:
    """The uses of a stock after some day. `columns[i]` adds to the use of dish `owner[i]`, of which
    one takes `quantity` and there are no more than `most`; `left` is there, `bought` the column b.
    """

    columns: Ints
    owner: Ints
    quantity: Floats
    most: Floats
    left: float
    bought: int


@dataclass(frozen=True, slots=True)
class Row:
    """values @ x[columns] <= limit."""

    columns: Ints
    values: Floats
    limit: float


def violated(shortages: Sequence[Shortage], point: Floats) -> Iterator[Row]:
    """The most violated row of each shortage that the point violates at all."""
    for shortage in shortages:
        bought = point[shortage.bought]
        if bought > 1 - 1e-6:
            continue
        use = np.bincount(shortage.owner, point[shortage.columns], len(shortage.quantity))
        excess = use - shortage.most * bought
        chosen = excess > 1e-7
        scale = max(1.0, shortage.left)
        kinds = [(shortage.quantity / scale, shortage.left / scale)]
        for number in range(_MOST_AT_ONCE + 1):
            large = shortage.quantity * (number + 1) > shortage.left
            kinds.append((large.astype(float), float(number)))
        best, row = _LEAST_VIOLATION, None
        for weight, room in kinds:
            weight = np.where(chosen, weight, 0.0)
            violation = float(weight @ excess) - room * (1 - bought)
            norm = float(np.sqrt(weight[shortage.owner] @ weight[shortage.owner])) + 1e-9
            if violation / norm > best:
                best, row = violation / norm, (weight, room)
        if row is not None:
            weight, room = row
            values = weight[shortage.owner]
            kept = values > 0
            yield Row(
                np.append(shortage.columns[kept], shortage.bought),
                np.append(values[kept], room - float(weight @ shortage.most)),
                room,
            )
