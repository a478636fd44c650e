"""The Engine deployment: vLLM in a Serve replica, in an application of its own.

Its own application, for Serve calls an application running only when all its deployments are: the
rest of the service doesn't wait for a model to load, and stays up when this part fails. A replica
takes requests once its model is loaded.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ray import serve

from deployments.serving.calls import serve_status
from sidecar.core.errors import ServiceError
from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings
from sidecar.llm import vllm_process
from sidecar.llm.cancellable_streams import Runs
from sidecar.llm.model import environment, model_of
from sidecar.llm.protocol import Piece
from sidecar.llm.schemas import ChatRequest

_PATIENCE_S = 60.0


@serve.deployment
class Engine:
    """Holds one engine; its processes are this replica's children."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        model = await asyncio.to_thread(model_of, settings)
        cpus = settings.engine_threads or len(os.sched_getaffinity(0))
        os.environ |= environment(settings, cpus)
        await _rest_is_up()
        base = vllm_process.importing()
        # Here, because vLLM reads its environment as it is imported, and because whoever deploys
        # this class needs no vLLM.
        from sidecar.llm.vllm_engine import VllmEngine

        self._engine = await VllmEngine.start(model, base)
        self._runs = Runs(time_limit_s=settings.engine_time_limit_s)

    async def chat(self, request: ChatRequest, run_id: str) -> AsyncIterator[Piece | ServiceError]:
        """See sidecar.llm.protocol.ChatEngine; an error is the last piece.

        Serve would log an error that is raised, with what the caller sent in its words.
        """
        try:
            async for piece in self._runs.stream(run_id, self._engine.chat(request, run_id)):
                yield piece
        except ServiceError as error:
            yield error

    async def call_off(self, run_id: str) -> bool:
        """Ends the answer of that id; False when this replica has none."""
        return self._runs.call_off(run_id)

    async def models(self) -> Mapping[str, Any]:
        """OpenAI's list of models."""
        return await self._engine.models()

    async def counters(self) -> Mapping[str, float]:
        """See sidecar.llm.vllm_engine.VllmEngine.counters."""
        return await self._engine.counters()

    async def check_health(self) -> None:
        """Raises when the engine has died, so that Serve replaces the replica."""
        await self._engine.check_health()

    def __del__(self) -> None:
        if hasattr(self, "_engine"):
            self._engine.stop()


async def _rest_is_up() -> None:
    """Returns once no other application is being started, or after a while: the imports take a
    machine's cores for half a minute, and nobody waits for a model as for the service.
    """
    own = serve.get_replica_context().app_name
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        applications = (await asyncio.to_thread(serve_status)).applications
        if not any(
            application.status == "DEPLOYING"
            for name, application in applications.items()
            if name != own
        ):
            return
        await asyncio.sleep(0.5)
