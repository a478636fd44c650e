"""Stores the vectors of the taxonomy's English exemplars in a file: embedding them takes seconds.

`python -m sidecar.classification.exemplar_store` creates the file, the ONNX graph of the packaged
model and the lexicon; the installation runs it, so that the first start is fast too.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from sidecar.classification.labels import Exemplars
from sidecar.core.array_store import Arrays, load_arrays, save_arrays
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Embed, Vectors
from sidecar.embedding.model import MULTILINGUAL, centered, load
from sidecar.text.lexicon import lexicon
from sidecar.text.taxonomy import languages, names_digest, taxonomy

#: English products are enough: in a multilingual model those of other languages are near them.
_LANGUAGE: Final = "en"


async def exemplars(embed: Embed, model_version: str, folders: Sequence[Path]) -> Exemplars:
    """Return the exemplars, from a file in one of `folders` if possible.

    Otherwise embed them and save the file in the first writable folder. Its name identifies the
    taxonomy and the weights.
    """
    name = f"exemplars-{names_digest()}-{model_version}"
    arrays = load_arrays(name, folders)
    if arrays is None:
        arrays = await _embed_exemplars(embed)
        save_arrays(name, folders, arrays)
    vectors, starts = arrays["vectors"], arrays["starts"]
    products, names, categories = np.split(vectors, [starts[-1], starts[-1] + len(starts) - 1])
    center = products.mean(axis=0)
    return Exemplars(
        centered(products, center),
        starts[:-1],
        centered(names, center),
        centered(categories, center),
        center,
    )


async def _embed_exemplars(embed: Embed) -> Arrays:
    """Return the vectors of products, sub-categories and categories, and the products' starts."""
    listed = languages()[_LANGUAGE].products
    subcategories = [sub.name for sub in taxonomy().subcategories]
    products = [product for name in subcategories for product in listed[name]]
    return {
        "vectors": await embed([*products, *subcategories, *taxonomy().categories]),
        "starts": np.cumsum([0, *(len(listed[name]) for name in subcategories)]),
    }


async def _install() -> None:
    model = load(MULTILINGUAL, "cpu", 2, [INSTALL_DIR])

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(model.embed, texts)

    await exemplars(embed, model.version, [INSTALL_DIR])
    lexicon()


if __name__ == "__main__":
    asyncio.run(_install())
