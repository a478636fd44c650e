"""Fake models for the tests of jobs."""

from collections.abc import Sequence

import numpy as np

from jobs.storage.database import Database
from jobs.tasks.model_clients import EmbedderClient, ModelClients, VisionModel
from sidecar.classification.backend import ClassificationItem, ClassificationResult
from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import ModelInfo
from sidecar.llm.protocol import ChatEngine
from tests.unit.sidecar.llm.echo_engine import EchoEngine


async def embed(texts: Sequence[str]) -> Vectors:
    """Return vectors whose first component is the text's length."""
    return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


async def info() -> ModelInfo:
    return ModelInfo("lengths", "1", 2)


class LengthEmbedder:
    embed = staticmethod(embed)
    info = staticmethod(info)


async def classify(items: Sequence[ClassificationItem]) -> ClassificationResult:
    """Score a label with the name's first letter 1, any other 0."""
    scores = [
        {label: float(label[0].lower() == item.name[0].lower()) for label in item.labels}
        for item in items
    ]
    return ClassificationResult(scores, "lengths", "1")


async def unavailable(_: object = None) -> ClassificationResult:
    raise ModelUnavailable


def model_clients(
    database: Database,
    *,
    classifier: bool = True,
    engine: ChatEngine | None = None,
    embedder: EmbedderClient | None = None,
    vision: VisionModel | None = None,
) -> ModelClients:
    return ModelClients.on(
        database,
        embedder=embedder or LengthEmbedder(),
        classify=classify if classifier else unavailable,
        engine=engine or EchoEngine(),
        vision=vision,
    )
