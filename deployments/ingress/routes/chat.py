"""Chat completions in OpenAI's protocol, and messages in Anthropic's; errors in the same."""

import time
from contextlib import ExitStack, aclosing
from typing import Final

from fastapi import APIRouter, Request, Response

from deployments.http.error_responses import MESSAGES_PATH
from deployments.http.sse import event_stream
from deployments.ingress.chat.formats import AnthropicFormat, ChatFormat, OpenAIFormat
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
from deployments.ingress.offloading import off_loop
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_openai_tenant
from sidecar.core.ids import new_id
from sidecar.llm.anthropic.requests import chat_request
from sidecar.llm.anthropic.response_types import MessageAnswer
from sidecar.llm.anthropic.schemas import MessagesRequest
from sidecar.llm.response_types import ChatCompletion
from sidecar.llm.schemas import ChatRequest

router = APIRouter(tags=["chat"], route_class=JsonRoute)

_STREAM: Final = event_stream("ChatCompletionChunk", "OpenAIError", end="[DONE]")


@router.post(
    "/v1/chat/completions",
    summary="Create a chat completion, as OpenAI does",
    responses={200: {"model": ChatCompletion, "content": _STREAM}},
)
async def completions(request: Request, body: ChatRequest, services: ServicesDep) -> Response:
    """Generate a completion, whole or streamed as server-sent events."""
    tenant_id = resolve_openai_tenant(request, body.user)
    return await _respond(request, body, services, tenant_id, OpenAIFormat())


@router.post(
    MESSAGES_PATH,
    summary="Create a message, as Anthropic does",
    responses={
        200: {"model": MessageAnswer, "content": event_stream("MessageEvent", "AnthropicError")}
    },
)
async def messages(request: Request, body: MessagesRequest, services: ServicesDep) -> Response:
    """Generate a message, whole or streamed as server-sent events, each with its name."""
    tenant_id = resolve_openai_tenant(request, body.metadata.user_id if body.metadata else None)
    message_id = new_id("msg_", services.clock())
    chat = await off_loop(len(await request.body()), chat_request, body)
    return await _respond(
        request, chat, services, tenant_id, AnthropicFormat(message_id, body.model)
    )


async def _respond(
    request: Request,
    body: ChatRequest,
    services: Services,
    tenant_id: str,
    chat_format: ChatFormat,
) -> Response:
    recorder = ChatRecorder(
        services,
        tenant_id=tenant_id,
        request_id=request.state.request_id,
        request=body,
        started=time.perf_counter(),
    )
    request.state.log["feature"] = CHAT_COMPLETION
    with ExitStack() as until_sent:
        until_sent.enter_context(services.chat_limiter.acquire(tenant_id))
        events = _generate(services, body, tenant_id)
        async with record_disconnect(recorder):
            if not body.stream:
                return await cancel_on_disconnect(
                    request.receive, whole_response(events, recorder, chat_format)
                )
            # An error before the first event still sets the status.
            first = await cancel_on_disconnect(request.receive, anext(events))
        return EventStreamResponse(first, events, recorder, chat_format, until_sent.pop_all())


async def _generate(services: Services, body: ChatRequest, tenant_id: str) -> StreamEvents:
    request = await inline_images(body, services.settings)
    async with aclosing(services.engine.chat(request, tenant_id=tenant_id)) as events:
        async for event in events:
            yield event
