"""The served models as jobs reach them; each call raises ModelUnavailable when a model is down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from jobs.storage.corrections import CorrectionStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categorizer, Classify
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import ModelInfo
from sidecar.llm.protocol import ChatEngine


class EmbedderClient(Protocol):
    """The embedder."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension), in order."""

    async def embed_for_matching(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors whose cosines tell whether texts mean the same, as `embed`'s."""

    async def info(self) -> ModelInfo:
        """Return the model behind the vectors."""


@dataclass(frozen=True)
class VisionModel:
    """The model that reads receipts' pictures."""

    engine: ChatEngine
    transcription_prompt: str | None = None
    """The prompt for a page's text; None: it answers by a JSON schema."""


@dataclass(frozen=True, kw_only=True)
class ModelClients:
    """One client for each model, and the tenants' corrections beside them."""

    embedder: EmbedderClient
    categorizer: Categorizer
    feedback: FeedbackStore
    corrections: CorrectionStore
    engine: ChatEngine
    vision: VisionModel

    @classmethod
    def on(
        cls,
        database: Database,
        *,
        embedder: EmbedderClient,
        classify: Classify,
        engine: ChatEngine,
        vision: VisionModel | None = None,
    ) -> Self:
        """Return clients with the corrections and the feedback of one database.

        Without a vision model of its own, `engine` reads pictures.
        """
        feedback = FeedbackStore(database)
        return cls(
            embedder=embedder,
            categorizer=Categorizer(classify, feedback),
            feedback=feedback,
            corrections=CorrectionStore(database),
            engine=engine,
            vision=vision or VisionModel(engine),
        )
