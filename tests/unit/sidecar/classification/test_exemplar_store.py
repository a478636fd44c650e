"""The taxonomy's vectors are embedded once per taxonomy and weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sidecar.classification.exemplar_store import exemplar_vectors
from sidecar.classification.taxonomy_backend import exemplars
from sidecar.embedding.cache import Vectors
from sidecar.text.taxonomy import taxonomy


class CountingModel:
    calls = 0

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        return np.full((len(texts), 2), float(self.calls), dtype=np.float32)


async def test_vectors_are_stored_by_weights_and_replaced_when_damaged(tmp_path: Path) -> None:
    embed = CountingModel()
    folder = tmp_path / "cache"
    first = await exemplar_vectors(taxonomy(), embed, "v1", [folder])
    assert first.shape == (len(exemplars(taxonomy())), 2)
    assert (await exemplar_vectors(taxonomy(), embed, "v1", [folder]) == first).all()
    assert embed.calls == 1
    await exemplar_vectors(taxonomy(), embed, "v2", [folder])
    assert embed.calls == 2
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    await exemplar_vectors(taxonomy(), embed, "v1", [folder])
    assert embed.calls == 3


async def test_a_folder_that_is_not_writable_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    embed = CountingModel()
    for _ in range(2):
        await exemplar_vectors(taxonomy(), embed, "v1", [file / "a", tmp_path / "b"])
    assert embed.calls == 1
