"""Protocols of the other deployments' clients, independent of Ray; handles.py implements them.

Every method raises ModelUnavailable when no replica responds, Overloaded when the deployment's
queue is full, and any ServiceError that the deployment raises.
"""

from collections.abc import Sequence
from typing import Protocol

from jobs.tasks.model_clients import EmbedderClient
from sidecar.embedding.model import ModelInfo
from sidecar.planning.response import PlanAnswer, Suggestion
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.search.ranking import SearchResult
from sidecar.search.schemas import SearchRequest


class SearchClient(EmbedderClient, Protocol):
    """The Embedder deployment, which also ranks documents."""

    async def search(self, request: SearchRequest) -> tuple[Sequence[SearchResult], ModelInfo]:
        """Return the matching documents, best first, and the model behind the scores."""

    async def count_tokens(self, texts: Sequence[str]) -> int:
        """Return the number of tokens that the model reads of all texts together."""


class ClassifierClient(Protocol):
    """The Classifier deployment."""

    async def info(self) -> str:
        """Return the backend and its model."""


class PlannerClient(Protocol):
    """The Planner deployment."""

    async def plan(self, request: PlanRequest) -> PlanAnswer:
        """Return the best plan found in the request's time."""

    async def suggest(self, request: SuggestionRequest) -> Sequence[Suggestion]:
        """Return recipes to cook now, best first."""

    async def worker_count(self) -> int:
        """Return how many solver processes are up."""


class JobRunnerClient(Protocol):
    """The JobRunner deployment."""

    async def running_count(self) -> int:
        """Return how many attempts a runner has running."""
