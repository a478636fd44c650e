import asyncio
from collections.abc import Sequence

import pytest

from sidecar.classification.taxonomy_backend import Lexicon, exemplars
from sidecar.core.build_cache import INSTALLED
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import Embedder, load
from sidecar.text.taxonomy import taxonomy


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    """The packaged model."""
    return load(None, "cpu", 2, [INSTALLED])


@pytest.fixture(scope="session")
def lexicon(embedder: Embedder) -> Lexicon:
    """The default classifier over the packaged model."""

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(embedder.embed, texts)

    known = taxonomy()
    vectors = embedder.embed(exemplars(known))
    return Lexicon(embed, known, vectors, embedder.name, embedder.version)
