"""The engine as the other deployments call it: through Ray Serve, whatever becomes of it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

from ray.serve.handle import DeploymentHandle

from deployments.serving.calls import as_service_errors, ask, serve_status
from sidecar.core.errors import ModelUnavailable, ServiceError
from sidecar.core.settings import Settings
from sidecar.llm.protocol import EngineState, Piece
from sidecar.llm.schemas import ChatRequest

APPLICATION = "engine"
DEPLOYMENT = "Engine"

_PATIENCE_S = 1.0
_NONE = EngineState("off", "vLLM is not installed")
_RETRY_AFTER_S = {"loading": 10, "down": 30, "off": 3600}


class EngineHandle:
    """A sidecar.llm.protocol.ChatEngine. The engine may come later, go, or never be."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._handle: DeploymentHandle = DeploymentHandle(DEPLOYMENT, APPLICATION)
        # Where there is surely none, a call would wait for ever in Serve's router.
        self._expected = settings.engine != "off" and installed()
        self._farewells: set[asyncio.Task[object]] = set()

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Piece, None]:
        """See ChatEngine."""
        if not self._expected:
            await self._refuse_unless_ok()
        run_id = uuid4().hex
        response: Any = self._handle.options(stream=True).chat.remote(request, run_id)
        ended = False
        try:
            with as_service_errors():
                piece = await self._first(response)
                while piece is not None:
                    if isinstance(piece, ServiceError):
                        raise piece
                    yield piece
                    piece = await anext(response, None)
            ended = True
        except ServiceError:
            ended = True
            response.cancel()
            raise
        finally:
            if not ended:
                self._call_off(response, run_id)

    async def models(self) -> Mapping[str, Any]:
        """See ChatEngine."""
        await self._refuse_unless_ok()
        models: Mapping[str, Any] = await ask(self._handle.models.remote())
        return models

    async def state(self) -> EngineState:
        """See ChatEngine."""
        state = await asyncio.to_thread(_state, self._settings)
        if state.status != "ok":
            return state
        try:
            with as_service_errors():
                told = await self._handle.broadcast("counters").results_async(
                    timeout_s=_PATIENCE_S, return_exceptions=True
                )
        except (ServiceError, TimeoutError):
            told = []
        figures = [one for one in told if not isinstance(one, BaseException)]
        if not figures:
            return EngineState("down", "it does not answer")
        if not any(figures):
            return _NONE
        total = {name: sum(int(one[name]) for one in figures) for name in figures[0]}
        words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in total.items())
        return EngineState("ok", f"{state.detail}, {words}")

    async def _first(self, response: Any) -> Piece | ServiceError | None:
        """The first piece. A call to a deployment without a replica waits for one, so a wait that
        is long is looked into.
        """
        first = asyncio.ensure_future(anext(response, None))
        try:
            while True:
                done, _ = await asyncio.wait({first}, timeout=_PATIENCE_S)
                if done:
                    return first.result()
                await self._refuse_unless_ok()
        finally:
            first.cancel()

    async def _refuse_unless_ok(self) -> None:
        state = await asyncio.to_thread(_state, self._settings)
        if state.status != "ok":
            raise ModelUnavailable(
                f"The engine is not available: {state.detail}.",
                retry_after_s=_RETRY_AFTER_S[state.status],
            )

    def _call_off(self, response: Any, run_id: str) -> None:
        """Ends the generation. Cancelling the call does not always reach a replica that is called
        over gRPC, so all are told; the one that has it ends it.
        """
        response.cancel()
        farewell = asyncio.ensure_future(
            self._handle.broadcast("call_off", run_id).results_async(
                timeout_s=10, return_exceptions=True
            )
        )
        self._farewells.add(farewell)
        farewell.add_done_callback(self._gone)

    def _gone(self, farewell: asyncio.Task[object]) -> None:
        self._farewells.discard(farewell)
        if not farewell.cancelled():
            farewell.exception()  # no replica is left: nothing runs


def _state(settings: Settings) -> EngineState:
    """What Serve's controller says."""
    if settings.engine == "off":
        return EngineState("off", "it is turned off (ENGINE=off)")
    application = serve_status().applications.get(APPLICATION)
    deployment = application.deployments.get(DEPLOYMENT) if application else None
    states = deployment.replica_states if deployment else {}
    replicas = sum(count for state, count in states.items() if state == "RUNNING")
    if replicas:
        return EngineState("ok", f"{replicas} replica{'s' if replicas > 1 else ''}")
    if application is None:
        return _NONE
    if application.status == "DEPLOY_FAILED":
        return EngineState("down", "it could not be started")
    if deployment is not None and deployment.status == "UNHEALTHY":
        return EngineState("down", "it has failed and is being started again")
    return EngineState("loading", "its model is being loaded")


def installed() -> bool:
    """Whether this environment has vLLM."""
    return find_spec("vllm") is not None
