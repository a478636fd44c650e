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
class KnapsackRow:
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
class Cut:
    """values @ x[columns] <= limit."""

    columns: Ints
    values: Floats
    limit: float


def violated_cuts(shortages: Sequence[KnapsackRow], point: Floats) -> list[Cut]:
    """The most violated row of each shortage that the point violates at all."""
    rows = (_most_violated(shortage, point) for shortage in shortages)
    return [row for row in rows if row is not None]


def _most_violated(shortage: KnapsackRow, point: Floats) -> Cut | None:
    bought = min(1.0, float(point[shortage.bought]))
    use = np.bincount(shortage.owner, point[shortage.columns], len(shortage.quantity))
    excess = use - shortage.most * bought
    best, found = _LEAST_VIOLATION, None
    for weights, room in _families(shortage):
        chosen = np.where(excess > 0, weights, 0.0)
        values = chosen[shortage.owner]
        violation = float(chosen @ excess) - room * (1 - bought)
        if violation > best * (length := float(np.linalg.norm(values))):
            best = violation / length
            kept = values > 0
            found = Cut(
                np.append(shortage.columns[kept], shortage.bought),
                np.append(values[kept], room - float(chosen @ shortage.most)),
                room,
            )
    return found


def _families(shortage: KnapsackRow) -> Iterator[tuple[Floats, float]]:
    """Weights of the dishes and the room for them while nothing is bought."""
    scale = max(1.0, shortage.left)
    yield shortage.quantity / scale, shortage.left / scale
    for fitting in range(_MOST_AT_ONCE + 1):
        yield (shortage.quantity * (fitting + 1) > shortage.left).astype(float), float(fitting)
