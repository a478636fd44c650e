"""The Planner deployment: a pool of warm solver processes in a Serve replica."""

import asyncio
from collections.abc import Sequence

from ray import serve

from deployments.logs import configure_logging
from deployments.planner.answer import PlanAnswer, Suggestion
from deployments.planner.pool import Limits, WorkerPool
from deployments.planner.request import PlanRequest, SuggestionRequest
from deployments.planner.suggest import suggest
from deployments.settings import Settings


@serve.deployment
class Planner:
    """Holds the pool. Cancelling a call kills the process that solves for it."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        self._pool = WorkerPool(
            Limits(
                workers=settings.planner_workers,
                waiting=settings.planner_waiting,
                memory_bytes=settings.planner_memory_bytes,
            )
        )
        await self._pool.start()

    async def plan(self, request: PlanRequest) -> PlanAnswer:
        """Raises Overloaded, WorkTimeout and TooLarge."""
        return await self._pool.run(request)

    async def suggest(self, request: SuggestionRequest) -> Sequence[Suggestion]:
        """Recipes to cook now, best first."""
        return await asyncio.to_thread(suggest, request)

    async def processes(self) -> int:
        """How many solver processes are up."""
        return len(self._pool.pids)

    async def __del__(self) -> None:
        await self._pool.close()
