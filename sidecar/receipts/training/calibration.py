"""Fits the small models of assignment/ranking.py, on receipts that the network has not seen."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

_PENALTY = 0.02  # of the squared weights


def fit_choice(
    groups: Sequence[tuple[Sequence[Sequence[float]], int | None]],
) -> npt.NDArray[np.float64]:
    """Fit a conditional logit: alternatives' figures, and the index of the right one or None."""
    size = next(len(rows[0]) for rows, _ in groups if rows)
    width = max(len(rows) for rows, _ in groups)
    x = np.zeros((len(groups), width, size))
    mask = np.full((len(groups), width + 1), -1e9)
    right = np.zeros(len(groups), dtype=np.int64)
    for number, (rows, answer) in enumerate(groups):
        if rows:
            x[number, : len(rows)] = rows
        mask[number, 1 : len(rows) + 1] = mask[number, 0] = 0
        right[number] = 0 if answer is None else answer + 1
    figures, masks, answers = map(torch.from_numpy, (x, mask, right))
    weights = torch.zeros(size + 1, dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        scores = figures @ weights[:-1] + weights[-1]
        scores = torch.cat([torch.zeros(len(groups), 1, dtype=torch.float64), scores], dim=1)
        error = torch.nn.functional.cross_entropy(scores + masks, answers)
        return error + _PENALTY * (weights[:-1] ** 2).mean()

    return _minimize(weights, loss)


def fit_chance(
    figures: Sequence[Sequence[float]], right: Sequence[bool]
) -> npt.NDArray[np.float64]:
    """Fit a logistic regression."""
    x, y = torch.tensor(figures, dtype=torch.float64), torch.tensor(right, dtype=torch.float64)
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)

    def loss() -> torch.Tensor:
        scores = x @ weights[:-1] + weights[-1]
        error = torch.nn.functional.binary_cross_entropy_with_logits(scores, y)
        return error + _PENALTY * (weights[:-1] ** 2).mean()

    return _minimize(weights, loss)


def _minimize(weights: torch.Tensor, loss: Callable[[], torch.Tensor]) -> npt.NDArray[np.float64]:
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        error = loss()
        error.backward()  # type: ignore[no-untyped-call]
        return error

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return weights.detach().numpy().copy()
