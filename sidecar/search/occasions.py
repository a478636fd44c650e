"""Moves a query about an occasion ("comfort food") towards the dishes that people mean by it.

The occasions are data/occasions.toml. A small embedding model knows that a saying and a dish have
to do with each other only where texts on the web say so often; the file says the rest.
"""

import tomllib
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidecar.core.array_store import load_arrays, save_arrays
from sidecar.embedding.cache import Vectors

_NEAR: Final = 0.5  # cosine from which on a saying is what the query means
_VERSION: Final = 1

#: Embeds texts for comparison: queries, or documents.
EmbedTexts = Callable[[Sequence[str]], Awaitable[Vectors]]


class Occasions:
    """Sayings and the directions of their dishes. Thread-safe."""

    def __init__(self, sayings: Vectors, owners: NDArray[np.intp], dishes: Vectors) -> None:
        """`sayings` are unit vectors, (sayings, dimension), `owners` the row of `dishes` of each,
        and `dishes` unit vectors, (occasions, dimension).
        """
        self._sayings = sayings
        self._owners = owners
        self._dishes = dishes

    def move(self, query: Vectors) -> Vectors:
        """Return the query's unit vector, moved by as much as it is near to sayings."""
        nearness = np.maximum(0, self._sayings @ query - _NEAR) / (1 - _NEAR)
        weights = np.zeros(len(self._dishes), dtype=np.float32)
        np.maximum.at(weights, self._owners, nearness)
        moved = query + weights @ self._dishes
        unit: Vectors = moved / np.linalg.norm(moved)
        return unit


async def load_occasions(
    embed_queries: EmbedTexts,
    embed_documents: EmbedTexts,
    model_version: str,
    folders: Sequence[Path],
) -> Occasions:
    """Return the occasions' vectors, from a file in one of `folders` if possible."""
    name = f"occasions-{_VERSION}-{model_version}"
    arrays = load_arrays(name, folders)
    if arrays is None:
        occasions = _occasions()
        sayings = [saying for occasion in occasions for saying in occasion["sayings"]]
        owners = [row for row, occasion in enumerate(occasions) for _ in occasion["sayings"]]
        dishes = [
            (await embed_documents(occasion["dishes"])).mean(axis=0) for occasion in occasions
        ]
        arrays = {
            "sayings": await embed_queries(sayings),
            "owners": np.array(owners),
            "dishes": np.array([mean / np.linalg.norm(mean) for mean in dishes], dtype=np.float32),
        }
        save_arrays(name, folders, arrays)
    return Occasions(arrays["sayings"], arrays["owners"], arrays["dishes"])


def _occasions() -> Sequence[dict[str, Any]]:
    data = files(__package__).joinpath("data/occasions.toml").read_text(encoding="utf-8")
    occasions: Sequence[dict[str, Any]] = tomllib.loads(data)["occasion"]
    return occasions
