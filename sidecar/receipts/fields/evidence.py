"""Scores as logarithms, and the probabilities that they come to."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def softmax(scores: Mapping[K, float]) -> dict[K, float]:
    """Return probabilities by their logarithms, each of which may be off by the same."""
    top = max(scores.values())
    parts = {key: math.exp(score - top) for key, score in scores.items()}
    whole = sum(parts.values())
    return {key: part / whole for key, part in parts.items()}


def log_sum(scores: Sequence[float]) -> float:
    """Return the logarithm of the sum of what the scores are logarithms of."""
    top = max(scores)
    return top + math.log(sum(math.exp(score - top) for score in scores))


def best_of(scores: Mapping[K, float]) -> tuple[K | None, dict[K, float]]:
    """Return the likeliest key, or None if none being right is likelier, and the probabilities.

    A score of 0 is as likely as none being right.
    """
    if not scores:
        return None, {}
    best = max(scores, key=lambda key: scores[key])
    top = max(0.0, scores[best])
    whole = math.exp(-top) + sum(math.exp(score - top) for score in scores.values())
    probabilities = {key: math.exp(score - top) / whole for key, score in scores.items()}
    return (best if scores[best] >= 0 else None), probabilities
