"""Readiness checks of every part of the service, each with a timeout."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from deployments.http.schemas.common import AnswerModel
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
_NO_RESPONSE = f"no response within {_CHECK_TIMEOUT_S:g} s"


class HealthCheck(AnswerModel):
    """The state of one part."""

    status: Literal["ok", "loading", "off", "error"]
    detail: str = Field("", description="Empty for callers without the required token.")


@dataclass(frozen=True, kw_only=True)
class HealthChecks:
    """Checks every part; a part that doesn't respond in time has status error."""

    queue: JobQueue
    blobs: BlobStore
    job_runner: JobRunnerClient
    planner: PlannerClient
    embedder: SearchClient
    classifier: ClassifierClient
    engine: ChatEngine
    vision_engine: ChatEngine | None = None  # of a model that reads receipts alone
    hardware: str  # what `make run` chose and why; empty otherwise

    async def run(self) -> Mapping[str, HealthCheck]:
        """Return the state of each part by name."""
        probes = {
            "database": self._probe_database(),
            "storage": self._probe_storage(),
            "job_runner": self._probe_job_runner(),
            "planner": self._probe_planner(),
            "embedder": self._probe_embedder(),
            "classifier": self.classifier.info(),
        }
        engines = {"engine": self.engine}
        if self.vision_engine is not None:
            engines["vision_engine"] = self.vision_engine
        checks = await asyncio.gather(
            *(_check(probe) for probe in probes.values()),
            *(_check_engine(engine) for engine in engines.values()),
        )
        states = dict(zip([*probes, *engines], checks, strict=True))
        if self.hardware:
            states["hardware"] = HealthCheck(status="ok", detail=self.hardware)
        return states

    async def _probe_database(self) -> str:
        counts = await self.queue.counts()
        paused = [f"{feature} paused" for feature in sorted(await self.queue.pauses())]
        return ", ".join([f"{count} jobs {status}" for status, count in counts.items()] + paused)

    async def _probe_storage(self) -> str:
        return f"{await self.blobs.free_bytes() / 2**30:.1f} GiB free"

    async def _probe_job_runner(self) -> str:
        count = await self.job_runner.running_count()
        return f"{count} attempt{'' if count == 1 else 's'} running"

    async def _probe_planner(self) -> str:
        count = await self.planner.worker_count()
        return f"{count} solver process{'' if count == 1 else 'es'}"

    async def _probe_embedder(self) -> str:
        return (await self.embedder.info()).model


async def _check_engine(engine: ChatEngine) -> HealthCheck:
    """Return the engine's state; loading and off are not errors."""
    state = EngineState("down", _NO_RESPONSE)
    with suppress(TimeoutError):
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            state = await engine.state()
    status = "error" if state.status == "down" else state.status
    return HealthCheck(status=status, detail=state.detail)


async def _check(probe: Awaitable[str]) -> HealthCheck:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            return HealthCheck(status="ok", detail=await probe)
    except ServiceError as error:
        return HealthCheck(status="error", detail=error.message)
    except TimeoutError:
        return HealthCheck(status="error", detail=_NO_RESPONSE)
