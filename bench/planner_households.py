"""Seeded requests of households: small ones with every kind of constraint, and larger ones."""

import random
from typing import Any

from bench.planner_instances import small


def household(seed: int, **fields: Any) -> dict[str, Any]:
    """Return a small request with the constraints of `small` and those of households."""
    request = small(seed, **fields)
    rng = random.Random(f"household/{seed}")
    constraints = request["constraints"]
    if rng.random() < 0.4:
        food = rng.randrange(14)
        constraints["excluded_ingredients"] = [rng.choice((f"i{food}", f"ingredient {food}"))]
    return request
