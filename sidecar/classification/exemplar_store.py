"""Stores the vectors of the taxonomy's exemplars in a file: embedding them takes seconds.

`python -m sidecar.classification.exemplar_store` creates the file (and the ONNX graph) of the
packaged model; the installation runs it, so that the first start is fast too.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from sidecar.classification.taxonomy_backend import exemplars, taxonomy_digest
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Embed, Vectors
from sidecar.embedding.model import load
from sidecar.text.taxonomy import Taxonomy, taxonomy


async def exemplar_vectors(
    taxonomy: Taxonomy, embed: Embed, model_version: str, folders: Sequence[Path]
) -> Vectors:
    """Return the vectors of `exemplars(taxonomy)`, from a file in one of `folders` if possible.

    Otherwise embed them and save the file in the first writable folder. Its name identifies the
    taxonomy and the weights. It is renamed into place atomically; a damaged file is replaced.
    """
    texts = exemplars(taxonomy)
    name = f"taxonomy-{taxonomy_digest(taxonomy)}-{model_version}.npy"
    for folder in folders:
        stored = _load(folder / name, len(texts))
        if stored is not None:
            return stored
    vectors = await embed(texts)
    for folder in folders:
        with suppress(OSError):
            _save(folder / name, vectors)
            break
    return vectors


def _load(path: Path, rows: int) -> Vectors | None:
    try:
        vectors: Vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    is_valid = vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32
    return vectors if is_valid else None


def _save(path: Path, vectors: Vectors) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        np.save(file, vectors, allow_pickle=False)
    temporary = Path(file.name)
    temporary.chmod(0o644)  # the service may run as another user than its installer
    temporary.rename(path)


async def _install() -> None:
    model = load(None, "cpu", 2, [INSTALL_DIR])

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(model.embed, texts)

    await exemplar_vectors(taxonomy(), embed, model.version, [INSTALL_DIR])


if __name__ == "__main__":
    asyncio.run(_install())
