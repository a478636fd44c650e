"""Small linear models, fitted on receipts that the network had not learned from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float64]


def logit(probability: float, least: float = 1e-4) -> float:
    """Return the logarithm of the odds, of a probability of at least `least` and at most 1 less it."""
    p = min(max(probability, least), 1 - least)
    return math.log(p / (1 - p))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights by name; each is of the figures of what it judges, with the constant last."""

    weights: Mapping[str, Weights]

    def choose(self, name: str, rows: Sequence[Sequence[float]]) -> list[float]:
        """Return the probability of each alternative to be the right one: a conditional logit
        (McFadden 1974), in which "none of them" has the score 0.
        """
        if not rows:
            return []
        weights = self.weights[name]
        scores = np.array(rows) @ weights[:-1] + weights[-1]
        top = max(0.0, float(scores.max()))
        odds = np.exp(scores - top)
        total = float(odds.sum()) + math.exp(-top)
        return [float(o) / total for o in odds]

    def chance(self, name: str, figures: Sequence[float]) -> float:
        """Return the probability that something is right, by logistic regression."""
        weights = self.weights[name]
        score = float(np.dot(figures, weights[:-1]) + weights[-1])
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
