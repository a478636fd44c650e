"""Clients of the engines' deployments that handle an engine that is loading, dead or absent."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.serving.calls import await_call, map_serve_errors
from deployments.serving.status import serve_status
from jobs.tasks.model_clients import VisionModel
from sidecar.core.errors import ModelUnavailable, ServiceError
from sidecar.core.settings import Settings
from sidecar.llm.protocol import EngineState, StreamEvent
from sidecar.llm.schemas import ChatRequest
from sidecar.llm.vision_model import transcription_prompt

APPLICATION = "engine"
DEPLOYMENT = "Engine"
#: The vision model's; it is deployed only where there is one.
VISION_APPLICATION = "vision"
VISION_DEPLOYMENT = "VisionEngine"

_PROBE_TIMEOUT_S = 1.0
#: Less than a health check waits. A busy engine is late, not down.
_COUNTERS_TIMEOUT_S = 2.5
_FORGET_TIMEOUT_S = 10.0
_NOT_INSTALLED = EngineState("off", "vLLM is not installed")
_NOT_DEPLOYED = EngineState("off", "it is not deployed")
_RETRY_AFTER_S = {"loading": 10, "down": 30, "off": 3600}


class EngineClient:
    """A sidecar.llm.protocol.ChatEngine over a Serve handle."""

    def __init__(
        self, settings: Settings, deployment: str = DEPLOYMENT, application: str = APPLICATION
    ) -> None:
        self._settings = settings
        self._deployment, self._application = deployment, application
        self._handle: DeploymentHandle = DeploymentHandle(deployment, application)
        # Without an engine, Serve's router would queue a call forever.
        self._is_expected = settings.engine.mode != "off" and is_vllm_installed()
        self._pending_cancels: set[asyncio.Task[object]] = set()

    async def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        """See ChatEngine."""
        if not self._is_expected:
            await self._refuse_unless_ok()
        generation_id = uuid4().hex
        response: Any = self._handle.options(stream=True).chat.remote(
            request, generation_id, tenant_id
        )
        ended = False
        try:
            with map_serve_errors():
                event = await self._first(response)
                while event is not None:
                    if isinstance(event, ServiceError):
                        raise event
                    yield event
                    event = await anext(response, None)
            ended = True
        except ServiceError:
            ended = True
            response.cancel()
            raise
        finally:
            if not ended:
                self._cancel(response, generation_id)

    async def forget(self, tenant_id: str) -> None:
        """See ChatEngine."""
        if not self._is_expected or (await self._state()).status != "ok":
            return  # the cache goes with its replica
        with map_serve_errors():
            await self._handle.broadcast("forget", tenant_id).results_async(
                timeout_s=_FORGET_TIMEOUT_S
            )

    async def models(self) -> Mapping[str, Any]:
        """See ChatEngine."""
        await self._refuse_unless_ok()
        models: Mapping[str, Any] = await await_call(self._handle.models.remote())
        return models

    async def state(self) -> EngineState:
        """See ChatEngine."""
        state = await self._state()
        if state.status != "ok":
            return state
        try:
            with map_serve_errors():
                counters = await self._handle.broadcast("counters").results_async(
                    timeout_s=_COUNTERS_TIMEOUT_S, return_exceptions=True
                )
        except ServiceError:
            counters = []
        replicas = [result for result in counters if not isinstance(result, BaseException)]
        if not replicas:
            return EngineState("down", "it does not answer")
        if not any(replicas):
            return _NOT_INSTALLED
        totals = {name: sum(int(counts[name]) for counts in replicas) for name in replicas[0]}
        summary = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in totals.items())
        return EngineState("ok", f"{state.detail}, {summary}")

    async def _first(self, response: Any) -> StreamEvent | ServiceError | None:
        """Return the first event.

        A call to a deployment without a replica waits for one, so this checks the engine's state
        once a second.
        """
        first = asyncio.ensure_future(anext(response, None))
        try:
            while True:
                done, _ = await asyncio.wait({first}, timeout=_PROBE_TIMEOUT_S)
                if done:
                    return first.result()
                await self._refuse_unless_ok()
        finally:
            first.cancel()

    async def _state(self) -> EngineState:
        return await asyncio.to_thread(_state, self._settings, self._deployment, self._application)

    async def _refuse_unless_ok(self) -> None:
        state = await self._state()
        if state.status != "ok":
            raise ModelUnavailable(
                f"The engine is not available: {state.detail}.",
                retry_after_s=_RETRY_AFTER_S[state.status],
            )

    def _cancel(self, response: Any, generation_id: str) -> None:
        """Cancel the generation.

        Cancelling the call doesn't always reach a replica called over gRPC, so the id is broadcast
        to all replicas.
        """
        response.cancel()
        cancelling = asyncio.ensure_future(
            self._handle.broadcast("cancel", generation_id).results_async(
                timeout_s=10, return_exceptions=True
            )
        )
        self._pending_cancels.add(cancelling)
        cancelling.add_done_callback(self._on_cancelled)

    def _on_cancelled(self, cancelling: asyncio.Task[object]) -> None:
        self._pending_cancels.discard(cancelling)
        if not cancelling.cancelled():
            cancelling.exception()  # marks it as retrieved; without a replica nothing is generated


def vision_model(settings: Settings) -> VisionModel | None:
    """Return the vision model that reads receipts in the chat model's place, if there is one."""
    if not settings.engine.vision_model:
        return None
    engine = EngineClient(settings, VISION_DEPLOYMENT, VISION_APPLICATION)
    return VisionModel(engine, transcription_prompt(settings))


def _state(settings: Settings, name: str, application_name: str) -> EngineState:
    """Return the state according to Serve's controller."""
    if settings.engine.mode == "off":
        return EngineState("off", "it is turned off (SIDECAR_ENGINE_MODE=off)")
    try:
        application = serve_status().applications.get(application_name)
    except (RayError, RayServeException):  # its controller is being started again
        return EngineState("down", "Ray Serve does not answer")
    deployment = application.deployments.get(name) if application else None
    states = deployment.replica_states if deployment else {}
    replicas = sum(count for state, count in states.items() if state == "RUNNING")
    if replicas:
        return EngineState("ok", f"{replicas} replica{'s' if replicas > 1 else ''}")
    if application is None:
        return _NOT_DEPLOYED if is_vllm_installed() else _NOT_INSTALLED
    if application.status == "DEPLOY_FAILED":
        return EngineState("down", "it could not be started")
    if deployment is not None and deployment.status == "UNHEALTHY":
        return EngineState("down", "it has failed and is being started again")
    if deployment is not None and deployment.status == "HEALTHY" and not states:
        # Autoscaling has taken the last one away; a waiting call makes it start one.
        return EngineState("loading", "it has no replica; the next request starts one")
    return EngineState("loading", "its model is being loaded")


def is_vllm_installed() -> bool:
    return find_spec("vllm") is not None
