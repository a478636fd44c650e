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
def classifier(embedder: EmbeddingModel) -> TaxonomyClassifier:
    """The default classifier with the packaged model."""

    async def embed(texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(embedder.embed, texts)

    vectors = embedder.embed(exemplars(taxonomy()))
    return TaxonomyClassifier(embed, taxonomy(), vectors, embedder.name, embedder.version)
