"""The vectors of the taxonomy, kept in a file: embedding its texts anew takes seconds.

`python -m sidecar.classification.exemplar_store` makes the file of the packaged model (and its
graph), as the installation does, so that not even the first start waits for it.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sidecar.classification.taxonomy_backend import digest, exemplars
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Embed, Vectors
from sidecar.embedding.model import load
from sidecar.text.taxonomy import Taxonomy, taxonomy


async def exemplar_vectors(
    taxonomy: Taxonomy, embed: Embed, model_version: str, folders: Sequence[Path]
) -> Vectors:
    """What `embed` makes of `exemplars(taxonomy)`, from a file in one of `folders` when it is
    there; else the first folder that can be written gets it.

    The file's name says which taxonomy and which weights it belongs to; it is renamed into place
    whole, and a damaged one is made anew.
    """
    texts = exemplars(taxonomy)
    name = f"taxonomy-{digest(taxonomy)}-{model_version}.npy"
    for folder in folders:
        kept = _kept(folder / name, len(texts))
        if kept is not None:
            return kept
    vectors = await embed(texts)
    for folder in folders:
        try:
            _keep(folder / name, vectors)
        except OSError:
            continue
        break
    return vectors


def _kept(path: Path, rows: int) -> Vectors | None:
    try:
        vectors: Vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = vectors.ndim == 2 and len(vectors) == rows and vectors.dtype == np.float32
    return vectors if fits else None


def _keep(path: Path, vectors: Vectors) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        np.save(file, vectors, allow_pickle=False)
    temporary = Path(file.name)
    temporary.chmod(0o644)  # whoever runs the service may not be who installed it
    temporary.rename(path)


async def _install() -> None:
    model = load(None, "cpu", 2, [INSTALL_DIR])

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(model.embed, texts)

    await exemplar_vectors(taxonomy(), embed, model.version, [INSTALL_DIR])


if __name__ == "__main__":
    asyncio.run(_install())
