"""The taxonomy's vectors are embedded once per taxonomy and weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sidecar.classification.exemplar_store import exemplars
from sidecar.embedding.cache import Vectors
from sidecar.text.taxonomy import taxonomy


class CountingModel:
    calls = 0

    async def __call__(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        return np.random.default_rng(1).normal(size=(len(texts), 4)).astype(np.float32)


async def test_vectors_are_stored_by_weights_and_replaced_when_damaged(tmp_path: Path) -> None:
    embed = CountingModel()
    folder = tmp_path / "cache"
    first = await exemplars(embed, "v1", [folder])
    assert len(first.starts) == len(first.names) == len(taxonomy().subcategories)
    assert len(first.categories) == len(taxonomy().categories)
    np.testing.assert_allclose(np.linalg.norm(first.products, axis=1), 1, atol=1e-5)
    again = await exemplars(embed, "v1", [folder])
    assert np.array_equal(again.products, first.products)
    assert embed.calls == 1
    await exemplars(embed, "v2", [folder])
    assert embed.calls == 2
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    await exemplars(embed, "v1", [folder])
    assert embed.calls == 3
