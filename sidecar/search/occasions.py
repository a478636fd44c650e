"""Moves a query about an occasion ("comfort food") towards the dishes that people mean by it.

The occasions are data/occasions.toml. A small embedding model knows that a saying and a dish have
to do with each other only where texts on the web say so often; the file says the rest.

`python -m sidecar.search.occasions` stores the vectors of the default model; the installation runs
it, so that the first start is fast too.
"""

import asyncio
import hashlib
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidecar.core.array_store import load_arrays, save_arrays
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import GROCERY, EmbeddingModel, embed_centered, load

_NEAR: Final = 0.5  # cosine from which on a saying is what the query means

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
    """Return the occasions' vectors, from a file in one of `folders` if possible.

    The file's name identifies the occasions and the weights.
    """
    data = files(__package__).joinpath("data/occasions.toml").read_bytes()
    name = f"occasions-{hashlib.sha256(data).hexdigest()[:12]}-{model_version}"
    arrays = load_arrays(name, folders)
    if arrays is None:
        occasions: Sequence[dict[str, Any]] = tomllib.loads(data.decode())["occasion"]
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


async def occasions_of(model: EmbeddingModel, folders: Sequence[Path]) -> Occasions:
    """Return the occasions' vectors for a model that is loaded in this process."""

    async def queries(texts: Sequence[str]) -> Vectors:
        return embed_centered(model, model.prompts.query, texts)

    async def documents(texts: Sequence[str]) -> Vectors:
        return embed_centered(model, model.prompts.document, texts)

    return await load_occasions(queries, documents, model.version, folders)


if __name__ == "__main__":
    asyncio.run(occasions_of(load(GROCERY, "cpu", 2, [INSTALL_DIR]), [INSTALL_DIR]))
