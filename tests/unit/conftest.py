import asyncio
from collections.abc import Sequence

import pytest

from sidecar.classification.taxonomy_backend import TaxonomyClassifier, exemplars
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import EmbeddingModel, load
from sidecar.text.taxonomy import taxonomy


@pytest.fixture(scope="session")
def embedder() -> EmbeddingModel:
    """The packaged model."""
    return load(None, "cpu", 2, [INSTALL_DIR])


@pytest.fixture(scope="session")
def lexicon(embedder: EmbeddingModel) -> TaxonomyClassifier:
    """The default classifier over the packaged model."""

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(embedder.embed, texts)

    known = taxonomy()
    vectors = embedder.embed(exemplars(known))
    return TaxonomyClassifier(embed, known, vectors, embedder.name, embedder.version)
