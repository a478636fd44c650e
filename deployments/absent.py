"""What stands in the engine's place where there is none, so that `serve run` can go on."""

from collections.abc import AsyncIterator, Mapping

from ray import serve

from sidecar.core.errors import ModelUnavailable, ServiceError
from sidecar.llm.protocol import Piece
from sidecar.llm.schemas import ChatRequest


@serve.deployment(name="Engine")
class Absent:
    """Says that there is no engine, and why."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def chat(self, request: ChatRequest, run_id: str) -> AsyncIterator[Piece | ServiceError]:
        """See Engine.chat."""
        yield ModelUnavailable(self._why, retry_after_s=60)

    async def call_off(self, run_id: str) -> bool:
        """Nothing runs here."""
        return False

    async def models(self) -> None:
        """Raises ModelUnavailable."""
        raise ModelUnavailable(self._why, retry_after_s=60)

    async def counters(self) -> Mapping[str, float]:
        """None: that is how the others know that there is no engine."""
        return {}
