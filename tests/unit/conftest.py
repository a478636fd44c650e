import asyncio
from collections.abc import Sequence

import pytest

from deployments.classifier.lexicon import Lexicon, exemplars
from deployments.classifier.taxonomy import taxonomy
from deployments.conversion import INSTALLED
from deployments.embedder.cache import Vectors
from deployments.embedder.model import Embedder, load


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
