"""Readiness: the state of every part of the service, each asked within a deadline."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Literal

from pydantic import Field

from deployments.http.schemas.common import ApiModel
from deployments.serving.clients import (
    ClassifierClient,
    JobRunnerClient,
    PlannerClient,
    SearchClient,
)
from jobs.queue.queue import JobQueue
from jobs.storage.blobs import BlobStore
from sidecar.core.errors import ServiceError
from sidecar.llm.protocol import ChatEngine, EngineState

_CHECK_TIMEOUT_S = 3.0


class HealthCheck(ApiModel):
    """The state of one part."""

    status: Literal["ok", "loading", "off", "error"]
    detail: str = Field("", description="Empty for callers without the token that is set.")


class HealthChecks:
    """Checks every part; one that doesn't answer in time is in error."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        blobs: BlobStore,
        job_runner: JobRunnerClient,
        planner: PlannerClient,
        embedder: SearchClient,
        classifier: ClassifierClient,
        engine: ChatEngine,
    ) -> None:
        self._queue = queue
        self._blobs = blobs
        self._job_runner = job_runner
        self._planner = planner
        self._embedder = embedder
        self._classifier = classifier
        self._engine = engine

    async def run(self) -> Mapping[str, HealthCheck]:
        """Return the state of each part by name."""
        probes = {
            "database": self._probe_database(),
            "storage": self._probe_storage(),
            "job_runner": self._probe_job_runner(),
            "planner": self._probe_planner(),
            "embedder": self._probe_embedder(),
            "classifier": self._classifier.info(),
        }
        *checks, engine = await asyncio.gather(
            *(_check(probe) for probe in probes.values()), self._check_engine()
        )
        return {**dict(zip(probes, checks, strict=True)), "engine": engine}

    async def _probe_database(self) -> str:
        counts = await self._queue.counts()
        return ", ".join(f"{count} jobs {status}" for status, count in counts.items())

    async def _probe_storage(self) -> str:
        return f"{await self._blobs.free_bytes() / 2**30:.1f} GiB free"

    async def _probe_job_runner(self) -> str:
        return f"{await self._job_runner.running_count()} attempts running"

    async def _probe_planner(self) -> str:
        return f"{await self._planner.worker_count()} solver processes"

    async def _probe_embedder(self) -> str:
        return (await self._embedder.info()).model

    async def _check_engine(self) -> HealthCheck:
        """Return the engine's state; one that loads or is turned off is not in error."""
        state = EngineState("down", f"no answer within {_CHECK_TIMEOUT_S:g} s")
        with suppress(TimeoutError):
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                state = await self._engine.state()
        status = "error" if state.status == "down" else state.status
        return HealthCheck(status=status, detail=state.detail)


async def _check(probe: Awaitable[str]) -> HealthCheck:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            return HealthCheck(status="ok", detail=await probe)
    except ServiceError as error:
        return HealthCheck(status="error", detail=error.message)
    except TimeoutError:
        return HealthCheck(status="error", detail=f"no answer within {_CHECK_TIMEOUT_S:g} s")
