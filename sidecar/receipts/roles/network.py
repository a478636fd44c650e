"""The trained network, in numpy: probabilities of roles and line classes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sidecar.receipts.roles.features import Features

Array = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

NEAR = 5
"""Tokens of a line that a token sees at once: itself and two on each side."""
DILATIONS = (1, 2, 4)
"""Distances of the two lines that a line sees beside itself, layer by layer."""


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Of one receipt."""

    roles: Array
    """(tokens, len(Role)), in the order of Features.tokens."""
    lines: Array
    """(lines, len(LineClass))."""


def neighbors(features: Features) -> tuple[Index, tuple[Index, ...]]:
    """Return, counted from 1 (0: none), each token's neighbors in its line, shape (tokens, NEAR),
    and each line's neighbors for each of DILATIONS, shape (lines, 3).
    """
    count, lines = len(features.tokens), len(features.line_figures)
    steps = np.arange(NEAR) - NEAR // 2
    other = np.arange(count)[:, None] + steps
    inside = (other >= 0) & (other < count)
    same = features.line[np.clip(other, 0, max(0, count - 1))] == features.line[:, None]
    near = np.where(inside & same, other + 1, 0).astype(np.int64)
    around = []
    for dilation in DILATIONS:
        beside = np.arange(lines)[:, None] + np.array([-dilation, 0, dilation])
        around.append(np.where((beside >= 0) & (beside < lines), beside + 1, 0).astype(np.int64))
    return near, tuple(around)


class RoleModel:
    """The network with its weights. Thread-safe."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.floating]]) -> None:
        self._weights = {name: array.astype(np.float32) for name, array in weights.items()}

    def predict(self, features: Features) -> Probabilities:
        """Return the probabilities of a receipt with at least one token."""
        near, around = neighbors(features)
        embedded = self._weights["embedding.weight"][features.ngrams]
        embedded = (embedded * (features.ngrams > 0)[..., None]).sum(axis=1)
        tokens = self._dense("token", np.concatenate([embedded, features.figures], axis=1))
        for layer in ("near.0", "near.1"):
            tokens = tokens + self._dense(layer, _gather(tokens, near))
        lines = len(features.line_figures)
        maximum = np.zeros((lines, tokens.shape[1]), dtype=np.float32)
        np.maximum.at(maximum, features.line, tokens)
        total = np.zeros_like(maximum)
        np.add.at(total, features.line, tokens)
        count = np.maximum(1, np.bincount(features.line, minlength=lines))[:, None]
        pooled = [maximum, (total / count).astype(np.float32), features.line_figures]
        context = self._dense("line", np.concatenate(pooled, axis=1))
        for number, beside in enumerate(around):
            context = context + self._dense(f"lines.{number}", _gather(context, beside))
        of_line = [tokens, context[features.line], features.line_figures[features.line]]
        hidden = self._dense("joined", np.concatenate(of_line, axis=1))
        return Probabilities(
            _softmax(self._affine("roles", hidden)), _softmax(self._affine("classes", context))
        )

    def _affine(self, layer: str, x: Array) -> Array:
        y: Array = x @ self._weights[f"{layer}.weight"].T + self._weights[f"{layer}.bias"]
        return y

    def _dense(self, layer: str, x: Array) -> Array:
        y: Array = np.maximum(self._affine(layer, x), 0)
        return y


def _gather(x: Array, index: Index) -> Array:
    """Return each row's neighbors side by side; index 0 is a row of zeros."""
    padded: Array = np.concatenate([np.zeros((1, x.shape[1]), dtype=np.float32), x])
    return padded[index].reshape(len(index), -1)


def _softmax(x: Array) -> Array:
    y: Array = np.exp(x - x.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    return y
