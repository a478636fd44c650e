"""Backoff between the attempts of a job or a webhook call."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff with full jitter.

    The delay is uniform between 0 and min(cap, base * 2^(attempt-1)) seconds (AWS Architecture
    Blog, "Exponential Backoff And Jitter").
    """

    base_s: float = 1.0
    cap_s: float = 300.0
    uniform: Callable[[float, float], float] = random.uniform

    def delay(self, attempt: int) -> timedelta:
        """Return the delay after the given attempt (from 1) failed."""
        return timedelta(seconds=self.uniform(0, self.ceiling_s(attempt)))

    def ceiling_s(self, attempt: int) -> float:
        """Return the longest delay after the given attempt (from 1) failed, in seconds."""
        return min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 62))
