"""What a kind of job is: its work and the limits of an attempt."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.metrics import UNMETERED, Meter
from deployments.settings import Settings
from jobs.job import Outcome, Progress
from jobs.models import Models


@dataclass(frozen=True, kw_only=True)
class Work:
    """All that an attempt needs, wherever in the cluster it runs."""

    tenant_id: str
    payload: Mapping[str, Any]  # the job's input_payload
    image: bytes | None  # the blob that the payload refers to
    settings: Settings
    traceparent: str | None = None
    meter: Meter = UNMETERED  # of the process that it runs in


@dataclass(frozen=True)
class AskModels:
    """Work that leaves everything heavy to the served models."""

    ask: Callable[[Work, Models], AsyncIterator[Progress | Outcome]]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One kind of job."""

    name: str
    #: What an attempt runs: yields its progress (0 to 1) as it goes, and its Outcome last. Raises a
    #: ServiceError for what it can't do. Either a module-level function, which travels by its name
    #: to a worker process of its own; or one that only asks the served models, and stays here.
    work: Callable[[Work], Iterator[Progress | Outcome]] | AskModels
    time_limit_s: float  # the attempt is killed after this
    max_attempts: int
    cpus: float = 0.0  # of the worker process
    #: What the served models add to the outcome.
    complete: Callable[[Work, Outcome, Models], Awaitable[Outcome]] | None = None
