"""What the routers work with, made once a replica and handed to each of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from deployments.dashboard.cluster import Cluster
from deployments.dashboard.job_history import RecentlyEnded
from deployments.ingress.draining import Door
from jobs.maintenance.erasure import Erasure
from jobs.queue.admin_queries import Board
from jobs.queue.admission import Backlog
from jobs.queue.job_watcher import JobWatch
from jobs.queue.queue import Queue
from jobs.storage.artifacts import Artifacts
from jobs.storage.blobs import BlobStore
from jobs.storage.feedback import FeedbackStore
from jobs.tasks.categorizer import Categories
from jobs.tasks.registry import Feature
from sidecar.core.metrics import UNMETERED, Meter
from sidecar.core.settings import Settings
from sidecar.embedding.cache import Embed
from sidecar.embedding.described import Described
from sidecar.llm.protocol import ChatEngine
from sidecar.planning.response import PlanAnswer, Suggestion
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.search.ranking import Result
from sidecar.search.schemas import Search


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
