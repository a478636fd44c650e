"""vLLM 0.32: every import of it, and every place where its insides show.

Its engine (AsyncLLM) and its OpenAI layer are used without its server. The paths are internal and
change between minor versions, so this module is the only one that imports them and is pinned to the
version in uv.lock.
"""

import json
import logging
from argparse import Namespace
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from multiprocessing.context import BaseContext
from typing import Any, Self

from prometheus_client import REGISTRY
from pydantic import ValidationError
from starlette.datastructures import State
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import FrontendArgs
from vllm.entrypoints.openai.api_server import init_app_state
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.exceptions import GenerationError, GracefulHTTPError, VLLMClientError
from vllm.usage.usage_lib import UsageContext
from vllm.v1.engine import utils
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError

from sidecar.core.errors import (
    BadRequest,
    ModelUnavailable,
    NotFound,
    Overloaded,
    ServiceError,
)
from sidecar.llm.model import EngineModel
from sidecar.llm.protocol import Chunk, Completion, StreamEvent, Usage
from sidecar.llm.schemas import ChatRequest
from sidecar.llm.vllm_process import EngineProcessContext

log = logging.getLogger(__name__)

_EVENT = "data: "
_DONE = "[DONE]"
_TELLING = ('"finish_reason":"', '"choices":[]', '{"error"')


class VllmEngine:
    """An engine that is up, in this process and its children."""

    def __init__(self, engine: AsyncLLM, state: State, model: EngineModel) -> None:
        """See `start`."""
        self._engine = engine
        self._chat = state.openai_serving_chat
        self._models = state.openai_serving_models
        self._model = model

    @classmethod
    async def start(cls, model: EngineModel, base: BaseContext | None) -> Self:
        """Loads the model; takes from seconds to minutes. The engine's process is started by
        `base`, or as vLLM likes. Raises whatever vLLM raises.
        """
        args = AsyncEngineArgs(
            model=model.path, served_model_name=[model.name], **model.engine_arguments
        )
        config = args.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
        processes: Any = utils  # vLLM has no argument for how they are started
        own = processes.get_mp_context
        processes.get_mp_context = lambda: EngineProcessContext(base or own())
        engine = AsyncLLM.from_vllm_config(config, usage_context=UsageContext.OPENAI_API_SERVER)
        try:
            frontend = FrontendArgs(
                chat_template=model.chat_template,
                enable_auto_tool_choice=True,
                tool_call_parser=model.tool_parser,
                # Arguments follow their schema also where the caller didn't ask for `strict`.
                tool_strict_level="parameter",
            )
            state = State()
            await init_app_state(
                engine,
                state,
                Namespace(**(vars(frontend) | vars(args))),
                await engine.get_supported_tasks(),
            )
        except BaseException:
            engine.shutdown()
            raise
        return cls(engine, state, model)

    def stop(self) -> None:
        """Ends the engine's processes."""
        self._engine.shutdown()

    async def check_health(self) -> None:
        """Raises when the engine's processes have died."""
        await self._engine.check_health()

    async def counters(self) -> Mapping[str, float]:
        """The engine's own figures: generation_tokens (since it started), running, waiting.

        Raises ModelUnavailable when it has died.
        """
        if self._engine.errored:
            raise _dead()
        return _counters()

    async def models(self) -> Mapping[str, Any]:
        """OpenAI's list of models."""
        models = await self._models.show_available_models()
        listed: dict[str, Any] = models.model_dump(mode="json", exclude_none=True)
        for one in listed["data"]:
            one.pop("root", None)  # where the model is on this machine
            one.pop("permission", None)
        return listed

    async def chat(
        self, request: ChatRequest, generation_id: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """See sidecar.llm.protocol.ChatEngine; closing the generator ends the generation."""
        try:
            answer = await self._chat.create_chat_completion(self._native(request, generation_id))
            if isinstance(answer, ErrorResponse):
                raise _error(answer.error.code, answer.error.message)
            if request.stream:
                options = request.stream_options
                told = options is not None and options.include_usage
                async with aclosing(_pieces(answer, usage_is_told=told)) as pieces:
                    async for piece in pieces:
                        yield piece
            else:
                body = answer.model_dump(mode="json", exclude_none=True)
                yield Completion(body)
                yield _usage(body, [choice["finish_reason"] for choice in body["choices"]])
        except (VLLMClientError, ValidationError, ValueError) as error:
            # Its own validation errors are no ValueErrors, but some of its checks raise those.
            raise BadRequest(_sentence(error)) from error
        except GracefulHTTPError as error:
            raise _error(int(error.http_status), error.message) from error
        except EngineDeadError as error:
            raise _dead() from error
        except GenerationError as error:
            # Most often a schema whose grammar can't be built, which shows only in the engine.
            raise BadRequest("The model could not answer this request as it was asked.") from error

    def _native(self, request: ChatRequest, generation_id: str) -> ChatCompletionRequest:
        asked = request.max_completion_tokens or request.max_tokens or self._model.max_tokens
        body = request.wire() | {
            "request_id": generation_id,
            "max_completion_tokens": min(asked, self._model.max_tokens),
        }
        body.pop("max_tokens", None)
        if request.stream:
            body["stream_options"] = {"include_usage": True}
        else:
            body.pop("stream_options", None)
        return ChatCompletionRequest.model_validate(body)


def _counters() -> Mapping[str, float]:
    wanted = {
        "vllm:generation_tokens_total": "generation_tokens",
        "vllm:num_requests_running": "running",
        "vllm:num_requests_waiting": "waiting",
    }
    found = dict.fromkeys(wanted.values(), 0.0)
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name in wanted:
                found[wanted[sample.name]] += sample.value
    return found


async def _pieces(
    events: AsyncGenerator[str, None], *, usage_is_told: bool
) -> AsyncGenerator[StreamEvent, None]:
    """vLLM's server-sent events as pieces; what it reports as an event of an error is raised."""
    finished: dict[int, str] = {}
    async with aclosing(events):
        async for event in events:
            text = event.removeprefix(_EVENT).strip()
            if text == _DONE:
                return
            # Only the events that matter here are parsed: those of text come by the thousand.
            if not any(mark in text for mark in _TELLING):
                yield Chunk(text)
                continue
            chunk = json.loads(text)
            if "error" in chunk:
                raise _error(chunk["error"].get("code"), chunk["error"].get("message"))
            for choice in chunk["choices"]:
                if choice.get("finish_reason"):
                    finished[choice["index"]] = choice["finish_reason"]
            if chunk["choices"] or usage_is_told:
                yield Chunk(text)
            if not chunk["choices"]:
                yield _usage(chunk, [finished[index] for index in sorted(finished)])


def _usage(body: Mapping[str, Any], finish_reasons: Sequence[str | None]) -> Usage:
    return Usage(
        model=body["model"],
        prompt_tokens=body["usage"]["prompt_tokens"],
        completion_tokens=body["usage"].get("completion_tokens") or 0,
        finish_reasons=tuple(finish_reasons),
    )


def _error(status: object, message: str | None) -> ServiceError:
    match status:
        case 404:
            return NotFound(message)
        case 503:
            return Overloaded("The engine is busy; try again shortly.", retry_after_s=2)
        case int() if 400 <= status < 500:
            return BadRequest(message)
    log.error("the engine failed", extra={"status": status, "reason": message})
    return _dead()


def _dead() -> ModelUnavailable:
    return ModelUnavailable(
        "The engine has stopped and is being started again; try again in a while.",
        retry_after_s=30,
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        return f"{path or 'body'}: {first['msg']}."
    # Not str(): vLLM's own errors append the value that is wrong.
    return str(error.args[0])[:1_000] if error.args else "The model can't take this request."
