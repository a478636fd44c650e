"""The Planner deployment: a pool of warm solver processes in a Serve replica."""

import asyncio
from collections.abc import Sequence

from ray import serve

from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings
from sidecar.planning.pool import Limits, WorkerPool
from sidecar.planning.response import PlanAnswer, Suggestion
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.planning.suggestions import suggest


@serve.deployment
class Planner:
    """Holds the pool; cancelling a call kills its solver process."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        self._pool = WorkerPool(
            Limits(
                workers=settings.planner.workers,
                queue_capacity=settings.planner.queue_capacity,
                memory_bytes=settings.planner.memory_bytes,
            )
        )
        await self._pool.start()

    async def plan(self, request: PlanRequest) -> PlanAnswer:
        """Return the best plan found in the request's time.

        Raises:
            Overloaded: when too many plans wait for a process.
            DeadlineExceeded: when the process exceeds its time limit.
            TooLarge: when the plan needs more memory than a process may use.
        """
        return await self._pool.run(request)

    async def plan_json(self, request: bytes, timeout_ms: int) -> PlanAnswer:
        """Return the plan for a valid PlanRequest in JSON; see `plan`."""
        return await self._pool.run_json(request, timeout_ms)

    async def suggest(self, request: SuggestionRequest) -> Sequence[Suggestion]:
        """Return recipes to cook now, best first."""
        return await asyncio.to_thread(suggest, request)

    async def suggest_json(self, request: bytes) -> Sequence[Suggestion]:
        """Return suggestions for a SuggestionRequest in JSON."""
        return await asyncio.to_thread(
            lambda: suggest(SuggestionRequest.model_validate_json(request))
        )

    async def worker_count(self) -> int:
        """Return how many solver processes are up."""
        return len(self._pool.pids)

    async def __del__(self) -> None:
        await self._pool.close()
