"""The Engine deployment: vLLM in a Serve replica, in an application of its own.

There is one for the chat model, and another for a vision model where the settings name one.

Serve reports an application as running only when all its deployments are. In an application of its
own, the engine neither delays the rest of the service while its model loads nor takes it down when
it fails. A replica accepts requests once its model is loaded.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ray import serve

from deployments.serving.engine_client import VISION_APPLICATION
from deployments.serving.status import serve_status
from sidecar.core.errors import ModelUnavailable, ServiceError
from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings
from sidecar.llm import vllm_process
from sidecar.llm.cancellable_streams import CancellableStreams
from sidecar.llm.model import environment, resolve_model
from sidecar.llm.protocol import StreamEvent
from sidecar.llm.schemas import ChatRequest

_STARTUP_WAIT_S = 60.0
_CHAT_MODEL_WAIT_S = 1800.0  # it may be downloaded first


@serve.deployment
class Engine:
    """Holds one vLLM engine, whose processes are this replica's children."""

    async def __init__(self, settings: Settings) -> None:  # type: ignore[misc]
        configure_logging(settings.log_level)
        model = await asyncio.to_thread(resolve_model, settings)
        cpus = settings.engine.threads or len(os.sched_getaffinity(0))
        os.environ |= environment(settings, cpus)
        await _wait_for_other_applications()
        base = vllm_process.preload_fork_server()
        # Imported here: vLLM reads its environment on import, and the deploying process needs none.
        from sidecar.llm.vllm_engine import VllmEngine

        self._engine = await VllmEngine.start(model, base)
        self._streams = CancellableStreams(timeout_s=settings.engine.timeout_s)

    async def chat(
        self, request: ChatRequest, generation_id: str, tenant_id: str | None = None
    ) -> AsyncIterator[StreamEvent | ServiceError]:
        """Yield events as sidecar.llm.protocol.ChatEngine does, with an error as the last event.

        An error isn't raised, because Serve would log its message, which may quote the caller.
        """
        try:
            async for event in self._streams.stream(
                generation_id, self._engine.chat(request, generation_id, tenant_id)
            ):
                yield event
        except ServiceError as error:
            yield error

    async def cancel(self, generation_id: str) -> bool:
        """Cancel a generation; return False when this replica doesn't run it."""
        return self._streams.cancel(generation_id)

    async def forget(self, tenant_id: str) -> None:
        """Make what is cached of the tenant's prompts unreachable."""
        self._engine.forget(tenant_id)

    async def models(self) -> Mapping[str, Any]:
        """Return OpenAI's list of models."""
        return await self._engine.models()

    async def counters(self) -> Mapping[str, float]:
        """See sidecar.llm.vllm_engine.VllmEngine.counters."""
        return await self._engine.counters()

    async def check_health(self) -> None:
        """Raise when the engine has died, so that Serve replaces the replica."""
        await self._engine.check_health()

    def __del__(self) -> None:
        if hasattr(self, "_engine"):
            self._engine.stop()


@serve.deployment(name="Engine")
class UnavailableEngine:
    """Replaces the engine where there is none, and reports why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def chat(
        self, request: ChatRequest, generation_id: str, tenant_id: str | None = None
    ) -> AsyncIterator[StreamEvent | ServiceError]:
        """Yield the error, as Engine.chat does."""
        yield ModelUnavailable(self._reason, retry_after_s=60)

    async def cancel(self, generation_id: str) -> bool:
        return False

    async def forget(self, tenant_id: str) -> None:
        """Do nothing: nothing is cached."""

    async def models(self) -> None:
        """Raise ModelUnavailable."""
        raise ModelUnavailable(self._reason, retry_after_s=60)

    async def counters(self) -> Mapping[str, float]:
        """Return no counters, which tells callers that there is no engine."""
        return {}


async def _wait_for_other_applications() -> None:
    """Wait until no other application is deploying, for a bounded time.

    The engine's imports occupy the cores for half a minute, and callers need the rest first. The
    vision model waits for the chat model too: vLLM measures what is free of a GPU's memory while it
    loads a model, and fails when another one changes it.
    """
    own = serve.get_replica_context().app_name
    is_vision = own == VISION_APPLICATION
    ignored = {own} if is_vision else {own, VISION_APPLICATION}
    until = time.monotonic() + (_CHAT_MODEL_WAIT_S if is_vision else _STARTUP_WAIT_S)
    while time.monotonic() < until:
        applications = (await asyncio.to_thread(serve_status)).applications
        if not any(
            application.status == "DEPLOYING"
            for name, application in applications.items()
            if name not in ignored
        ):
            return
        await asyncio.sleep(0.5)
