"""What the routers work with, made once a replica and handed to each of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from deployments.classifier.categories import Categories
from deployments.dashboard.cluster import Cluster
from deployments.embedder.cache import Embed
from deployments.embedder.described import Described
from deployments.engine.reply import ChatEngine
from deployments.ingress.door import Door
from deployments.metrics import UNMETERED, Meter
from deployments.planner.answer import PlanAnswer, Suggestion
from deployments.planner.request import PlanRequest, SuggestionRequest
from deployments.search.ranking import Result
from deployments.search.request import Search
from deployments.settings import Settings
from jobs.artifacts import Artifacts
from jobs.backlog import Backlog
from jobs.blobs import BlobStore
from jobs.board import Board
from jobs.ended import RecentlyEnded
from jobs.erasure import Erasure
from jobs.features import Feature
from jobs.feedback import FeedbackStore
from jobs.queue import Queue
from jobs.watch import JobWatch


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The service as the ingress sees it."""

    settings: Settings
    version: str
    queue: Queue
    backlog: Backlog
    blobs: BlobStore
    artifacts: Artifacts
    feedback: FeedbackStore
    erasure: Erasure
    watch: JobWatch
    board: Board
    recently_ended: RecentlyEnded
    features: Mapping[str, Feature]
    embed: Embed
    #: The model behind `embed`; raises when the embedder doesn't answer.
    embedder: Callable[[], Awaitable[Described]]
    search: Callable[[Search], Awaitable[tuple[Sequence[Result], Described]]]
    categories: Categories
    #: Asks the classifier for its backend; raises when it doesn't answer.
    classifier: Callable[[], Awaitable[str]]
    plan: Callable[[PlanRequest], Awaitable[PlanAnswer]]
    suggest: Callable[[SuggestionRequest], Awaitable[Sequence[Suggestion]]]
    engine: ChatEngine
    clock: Callable[[], datetime]
    #: Asks the planner how many solver processes are up; raises when it doesn't answer.
    solver_processes: Callable[[], Awaitable[int]]
    #: Asks the job runner how many attempts are under way; raises when it doesn't answer.
    running_attempts: Callable[[], Awaitable[int]]
    #: Asks Ray Serve for its deployments; raises when it doesn't answer.
    cluster: Callable[[], Awaitable[Cluster]]
    meter: Meter = UNMETERED
    door: Door = field(default_factory=Door)
