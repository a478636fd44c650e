"""Served models for the tests of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categories
from jobs.tasks.model_clients import Models
from sidecar.classification.backend import Item, Scores
from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.cache import Vectors
from sidecar.embedding.described import Described
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


async def embedder() -> Described:
    return Described("lengths", "1", 2)


async def classify(items: Sequence[Item]) -> Answered:
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
    database: Database, *, classifier: bool = True, engine: ChatEngine | None = None
) -> Models:
    feedback = FeedbackStore(database)
    return Models(
        embed=embed,
        embedder=embedder,
        categories=Categories(classify if classifier else away, feedback),
        feedback=feedback,
        engine=engine or EchoEngine(),
    )
