"""Health: alive without asking anybody, ready by asking every part."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from deployments.ingress.services import Parts
from deployments.ingress.wire import Wire
from sidecar.core.errors import ServiceError
from sidecar.llm.protocol import EngineState

#: Seconds that a part has to answer.
_PATIENCE_S = 3.0


class Alive(Wire):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Check(Wire):
    """One part."""

    status: Literal["ok", "loading", "off", "error"]
    detail: str = Field("", description="Empty for callers without the token that is set.")


class Ready(Wire):
    """Every part: ok, degraded when some are down, error when none of them works."""

    status: Literal["ok", "degraded", "error"]
    version: str
    checks: Mapping[str, Check]


def health_router(parts: Parts) -> APIRouter:
    """/health, /health/live and /health/ready."""
    router = APIRouter(tags=["health"])

    @router.get("/health", name="health", summary="Alive")
    @router.get("/health/live", summary="Alive")
    async def live() -> Alive:
        return Alive(version=parts.version)

    @router.get(
        "/health/ready",
        summary="What each part is doing",
        responses={503: {"model": Ready, "description": "None of the parts works."}},
    )
    async def ready(request: Request, response: Response) -> Ready:
        checks = await checks_of(parts)
        if not request.state.trusted:
            checks = {name: Check(status=check.status) for name, check in checks.items()}
        failed = [name for name, check in checks.items() if check.status == "error"]
        status: Literal["ok", "degraded", "error"] = "degraded" if failed else "ok"
        if not any(check.status == "ok" for check in checks.values()):
            status = "error"
            response.status_code = 503
        return Ready(status=status, version=parts.version, checks=checks)

    return router


async def checks_of(parts: Parts) -> Mapping[str, Check]:
    """Asks every part; one that doesn't answer in time is an error."""
    probes = {
        "database": _database(parts),
        "storage": _storage(parts),
        "job_runner": _job_runner(parts),
        "planner": _planner(parts),
        "embedder": _embedder(parts),
        "classifier": parts.classifier(),
    }
    *results, engine = await asyncio.gather(
        *(_check(probe) for probe in probes.values()), _engine(parts)
    )
    return {**dict(zip(probes, results, strict=True)), "engine": engine}


async def _check(probe: Awaitable[str]) -> Check:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return Check(status="ok", detail=await probe)
    except ServiceError as error:
        return Check(status="error", detail=error.message)
    except TimeoutError:
        return Check(status="error", detail=f"no answer within {_PATIENCE_S:g} s")


async def _database(parts: Parts) -> str:
    counts = await parts.queue.counts()
    return ", ".join(f"{count} jobs {status}" for status, count in counts.items())


async def _storage(parts: Parts) -> str:
    free = await parts.blobs.free_bytes()
    return f"{free / 2**30:.1f} GiB free"


async def _job_runner(parts: Parts) -> str:
    return f"{await parts.running_attempts()} attempts running"


async def _embedder(parts: Parts) -> str:
    return (await parts.embedder()).model


async def _planner(parts: Parts) -> str:
    return f"{await parts.solver_processes()} solver processes"


async def _engine(parts: Parts) -> Check:
    """An engine that is being loaded, or is no part of this service, is nothing to worry about."""
    state = EngineState("down", f"no answer within {_PATIENCE_S:g} s")
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            state = await parts.engine.state()
    return Check(status="error" if state.status == "down" else state.status, detail=state.detail)
