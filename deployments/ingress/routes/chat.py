"""OpenAI's chat completions, with errors in OpenAI's shape."""

import time
from contextlib import ExitStack, aclosing

from fastapi import APIRouter, Request, Response

from deployments.http.sse import event_stream
from deployments.ingress.chat.images import inline_images
from deployments.ingress.chat.recording import CHAT_COMPLETION, ChatRecorder
from deployments.ingress.chat.streaming import (
    EventStreamResponse,
    StreamEvents,
    record_disconnect,
    whole_response,
)
from deployments.ingress.disconnect import cancel_on_disconnect
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_openai_tenant
from sidecar.llm.response_types import ChatCompletion
from sidecar.llm.schemas import ChatRequest

router = APIRouter(prefix="/v1", tags=["chat"], route_class=JsonRoute)


@router.post(
    "/chat/completions",
    summary="Create a chat completion, as OpenAI does",
    responses={
        200: {
            "model": ChatCompletion,
            "content": event_stream("ChatCompletionChunk", "OpenAIError", end="[DONE]"),
        }
    },
)
async def completions(request: Request, body: ChatRequest, services: ServicesDep) -> Response:
    """Generate a completion, whole or streamed as server-sent events."""
    recorder = ChatRecorder(
        services,
        tenant_id=resolve_openai_tenant(request, body.user),
        request_id=request.state.request_id,
        request=body,
        started=time.perf_counter(),
    )
    request.state.log["feature"] = CHAT_COMPLETION
    with ExitStack() as until_sent:
        until_sent.enter_context(services.chat_limiter.acquire(recorder.tenant_id))
        events = _generate(services, body, recorder.tenant_id)
        async with record_disconnect(recorder):
            if not body.stream:
                return await cancel_on_disconnect(request.receive, whole_response(events, recorder))
            # An error before the first event still sets the status.
            first = await cancel_on_disconnect(request.receive, anext(events))
        return EventStreamResponse(first, events, recorder, until_sent.pop_all())


async def _generate(services: Services, body: ChatRequest, tenant_id: str) -> StreamEvents:
    request = await inline_images(body, services.settings)
    async with aclosing(services.engine.chat(request, tenant_id=tenant_id)) as events:
        async for event in events:
            yield event
