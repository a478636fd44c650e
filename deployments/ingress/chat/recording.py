"""Records a chat exchange as an artifact, without its content unless a setting stores it."""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from deployments.ingress.services import Services
from jobs.storage.artifacts import Artifact
from sidecar.core.errors import ServiceError
from sidecar.core.ids import new_id
from sidecar.llm.protocol import Chunk, Usage
from sidecar.llm.schemas import ChatRequest

CHAT_COMPLETION = "chat_completion"

#: Fields that say how to generate, and nothing of what is said.
_PARAMETERS = {
    "model", "user", "stream", "n", "max_tokens", "max_completion_tokens", "temperature",
    "top_p", "presence_penalty", "frequency_penalty", "seed", "logprobs", "top_logprobs",
    "top_k", "min_p",
    "parallel_tool_calls", "repetition_penalty", "min_tokens", "ignore_eos", "stream_options",
    "reasoning_effort",
}  # fmt: skip


class ChatRecorder:
    """Collects the data of one exchange and writes it once, durably."""

    def __init__(
        self,
        services: Services,
        *,
        tenant_id: str,
        request_id: str,
        request: ChatRequest,
        started: float,
    ) -> None:
        """Create the recorder; `started` is a time.perf_counter value."""
        self.tenant_id = tenant_id
        self._services = services
        self._request_id = request_id
        self._request = request
        self._started = started
        self._chunks: list[Chunk] = []
        self._first_chunk_ms: float | None = None

    def on_chunk(self, chunk: Chunk) -> None:
        """Note that a chunk was sent to the client."""
        if self._first_chunk_ms is None:
            self._first_chunk_ms = self._elapsed_ms()
        if self._services.settings.engine.store_content:
            self._chunks.append(chunk)

    async def complete(self, usage: Usage, body: Mapping[str, Any] | None = None) -> None:
        """Record the complete response; `body` is set if it wasn't streamed.

        Raises:
            DatabaseUnavailable: when the artifact can't be written.
        """
        meter = self._services.meter
        meter.add("sidecar_tokens", usage.prompt_tokens, kind="read")
        meter.add("sidecar_tokens", usage.completion_tokens, kind="written")
        output: dict[str, Any] = {
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
            },
            "finish_reasons": list(usage.finish_reasons),
        }
        if self._first_chunk_ms is not None:
            output["first_token_ms"] = round(self._first_chunk_ms, 1)
        if self._services.settings.engine.store_content:
            output["messages"] = (
                _join(self._chunks)
                if body is None
                else [choice["message"] for choice in body["choices"]]
            )
        await self._write(model=usage.model, output=output, error=None)

    async def fail(self, error: ServiceError) -> None:
        """Record that the response failed. Raises DatabaseUnavailable."""
        await self._write(model=self._request.model, output=None, error=error)

    async def _write(
        self, *, model: str | None, output: Mapping[str, Any] | None, error: ServiceError | None
    ) -> None:
        now = self._services.clock()
        await self._services.artifacts.add(
            Artifact(
                id=new_id("art_", now),
                tenant_id=self.tenant_id,
                user_id=self._request.user or None,
                feature=CHAT_COMPLETION,
                request_id=self._request_id,
                job_id=None,
                success=error is None,
                input_payload=self._input(),
                output_payload=output,
                error_code=error.code if error else None,
                error_message=error.message if error else None,
                model_id=model,
                model_version=None,
                latency_ms=self._elapsed_ms(),
                created_at=now,
            )
        )

    def _input(self) -> Mapping[str, Any]:
        if self._services.settings.engine.store_content:
            sent = self._request.wire()
            return {**sent, "messages": [_without_image(message) for message in sent["messages"]]}
        return {
            **self._request.model_dump(mode="json", exclude_unset=True, include=_PARAMETERS),
            "message_count": len(self._request.messages),
            "image_count": len(self._request.image_urls),
        }

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started) * 1000


def _without_image(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message with each image's data: URL replaced by its SHA-256 digest."""
    if not isinstance(message.get("content"), list):
        return message

    def redact(part: Mapping[str, Any]) -> Mapping[str, Any]:
        url = part.get("image_url", {}).get("url", "")
        if not url.startswith("data:"):
            return part
        return {"type": "image_url", "sha256": hashlib.sha256(url.encode()).hexdigest()}

    return {**message, "content": [redact(part) for part in message["content"]]}


def _join(chunks: Iterable[Chunk]) -> list[Mapping[str, Any]]:
    """Return the messages that the chunks of a stream add up to, one per choice."""
    texts: dict[int, str] = defaultdict(str)
    thoughts: dict[int, str] = defaultdict(str)
    calls: dict[int, dict[int, dict[str, str]]] = defaultdict(dict)
    for chunk in chunks:
        for choice in json.loads(chunk.json)["choices"]:
            index, delta = choice["index"], choice["delta"]
            texts[index] += delta.get("content") or ""
            thoughts[index] += delta.get("reasoning") or ""
            for call in delta.get("tool_calls") or ():
                function = calls[index].setdefault(call["index"], {"name": "", "arguments": ""})
                for name in function:
                    function[name] += call.get("function", {}).get(name) or ""
    return [
        {
            "role": "assistant",
            "content": texts[index],
            **({"reasoning": thoughts[index]} if thoughts[index] else {}),
            **({"tool_calls": list(calls[index].values())} if index in calls else {}),
        }
        for index in sorted(texts)
    ]
