"""What the routers work with, made once a replica and handed to each of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from deployments.settings import Settings
from jobs.artifacts import Artifacts
from jobs.blobs import BlobStore
from jobs.features import Feature
from jobs.queue import Queue
from jobs.watch import JobWatch


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The service as the ingress sees it."""

    settings: Settings
    version: str
    queue: Queue
    blobs: BlobStore
    artifacts: Artifacts
    watch: JobWatch
    features: Mapping[str, Feature]
    #: Asks the job runner how many attempts are under way; raises when it doesn't answer.
    running_attempts: Callable[[], Awaitable[int]]
