"""Served models for the tests of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categorizer
from jobs.tasks.model_clients import EmbedderClient, ModelClients
from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import ModelInfo
from sidecar.llm.protocol import ChatEngine
from tests.unit.sidecar.llm.echo_engine import EchoEngine


@dataclass
class Answered:
    scores: Sequence[Scores]
    model_id: str = "lengths"
    model_version: str = "1"


async def embed(texts: Sequence[str]) -> Vectors:
    """A vector tells its text's length."""
    return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


async def info() -> ModelInfo:
    return ModelInfo("lengths", "1", 2)


class LengthEmbedder:
    embed = staticmethod(embed)
    info = staticmethod(info)


async def classify(items: Sequence[ClassificationItem]) -> Answered:
    """The label that has the name's first letter takes it all."""
    return Answered(
        [
            {label: float(label[0].lower() == item.name[0].lower()) for label in item.labels}
            for item in items
        ]
    )


async def away(_: object = None) -> Answered:
    raise ModelUnavailable


def models(
    database: Database,
    *,
    classifier: bool = True,
    engine: ChatEngine | None = None,
    embedder: EmbedderClient | None = None,
) -> ModelClients:
    feedback = FeedbackStore(database)
    return ModelClients(
        embedder=embedder or LengthEmbedder(),
        categorizer=Categorizer(classify if classifier else away, feedback),
        feedback=feedback,
        engine=engine or EchoEngine(),
    )
