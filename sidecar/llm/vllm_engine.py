"""Runs vLLM 0.32; the only module that imports it.

vLLM's engine (AsyncLLM) and OpenAI layer are used without its server. Their import paths are
internal and change between minor versions, so this module fits the version in uv.lock only.
"""

import json
import logging
from argparse import Namespace
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from multiprocessing.context import BaseContext
from pathlib import Path
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
from vllm.v1.structured_output.backend_guidance import has_guidance_unsupported_json_features
from vllm.v1.structured_output.backend_xgrammar import (
    XgrammarBackend,
    has_xgrammar_unsupported_json_features,
)

from sidecar.core.errors import BadRequest, ModelUnavailable, NotFound, Overloaded, ServiceError
from sidecar.llm.cache_salts import CacheSalts
from sidecar.llm.grammar_checker import GrammarChecker
from sidecar.llm.model import EngineModel
from sidecar.llm.openai_compat import (
    ControlTokens,
    with_call_arguments,
    with_parameters,
    without_cut_call,
)
from sidecar.llm.protocol import Chunk, Completion, StreamEvent, Usage
from sidecar.llm.schemas import ChatRequest
from sidecar.llm.thinking import (
    check_arguments,
    missing_parser,
    template_arguments,
    template_variables,
)
from sidecar.llm.vllm_process import EngineProcessContext

log = logging.getLogger(__name__)

_EVENT_PREFIX = "data: "
_DONE = "[DONE]"
# Only events with one of these are parsed: a stream has thousands of events of text.
_PARSED_MARKERS = ('"finish_reason":"', '"choices":[]', '{"error"')
_TOOL_CALLS = '"tool_calls":'
#: vLLM's parsers name the text that begins a tool call differently.
_CALL_MARKERS = ("tool_call_start_token", "tool_calls_start_token", "bot_token")
_THOUGHT_TOKENS = ("<think>", "</think>")
_COUNTERS = {
    "vllm:generation_tokens_total": "generation_tokens",
    "vllm:prefix_cache_hits_total": "cached_prompt_tokens",
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
}
_FIRST_REQUEST = ChatRequest.model_validate(
    {
        "messages": [{"role": "user", "content": "Hi"}],
        "max_tokens": 1,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "any", "schema": {"type": "object"}},
        },
    }
)


class VllmEngine:
    """A running engine, in this process and its children; created by `start`."""

    def __init__(
        self, engine: AsyncLLM, state: State, model: EngineModel, grammars: GrammarChecker
    ) -> None:
        self._engine = engine
        self._grammars = grammars
        self._chat = state.openai_serving_chat
        self._models = state.openai_serving_models
        self._model = model
        self._cache_salts = CacheSalts()
        tokenizer = engine.get_tokenizer()
        self._control_tokens = ControlTokens(_special_tokens(tokenizer))
        template = _template(model, tokenizer)
        self._template_variables = template_variables(template)
        if model.asks_for_parser and (hint := missing_parser(template, model.reasoning_parser)):
            log.warning(hint)
        self._call_marker = _call_marker(self._chat.parser_cls)

    @classmethod
    async def start(cls, model: EngineModel, base: BaseContext | None) -> Self:
        """Load the model, which takes seconds to minutes. Raises whatever vLLM raises.

        `base` starts the engine-core process; None is vLLM's own multiprocessing context.
        """
        args = AsyncEngineArgs(
            model=model.path,
            served_model_name=[model.name],
            reasoning_parser=model.reasoning_parser or "",
            **model.engine_arguments,
        )
        config = args.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
        vllm_utils: Any = utils  # patched: vLLM has no argument for its multiprocessing context
        context = EngineProcessContext(base or vllm_utils.get_mp_context())
        vllm_utils.get_mp_context = lambda: context
        engine = AsyncLLM.from_vllm_config(config, usage_context=UsageContext.OPENAI_API_SERVER)
        try:
            frontend = FrontendArgs(
                chat_template=model.chat_template,
                enable_auto_tool_choice=model.tool_parser is not None,
                tool_call_parser=model.tool_parser,
                # Arguments match their schema even without the caller's `strict`.
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
        backend = XgrammarBackend(
            config,
            tokenizer=engine.get_tokenizer(),
            vocab_size=config.model_config.get_vocab_size(),
        )
        tokenizer_info = backend.compiler.compile_json_schema("{}").tokenizer_info
        grammars = GrammarChecker(context, tokenizer_info.serialize_json(), model.schema_limit_s)
        self = cls(engine, state, model, grammars)
        # The first request with a schema chooses the library that compiles all later ones.
        async with aclosing(self.chat(_FIRST_REQUEST, "first")) as events:
            async for _ in events:
                pass
        return self

    def stop(self) -> None:
        self._grammars.stop()
        self._engine.shutdown()

    async def check_health(self) -> None:
        """Raise vLLM's error when the engine's processes have died."""
        await self._engine.check_health()

    async def counters(self) -> Mapping[str, float]:
        """Return the tokens generated and those of prompts found in the cache, since the start,
        and the running and waiting requests.

        Raises ModelUnavailable when the engine has died.
        """
        if self._engine.errored:
            raise _engine_stopped()
        counters = dict.fromkeys(_COUNTERS.values(), 0.0)
        for family in REGISTRY.collect():
            for sample in family.samples:
                if sample.name in _COUNTERS:
                    counters[_COUNTERS[sample.name]] += sample.value
        return counters

    async def models(self) -> Mapping[str, Any]:
        """Return OpenAI's list of models."""
        available = await self._models.show_available_models()
        models: dict[str, Any] = available.model_dump(mode="json", exclude_none=True)
        for model in models["data"]:
            model.pop("root", None)  # a path on this machine
            model.pop("permission", None)
        return models

    async def chat(
        self, request: ChatRequest, generation_id: str, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        """See sidecar.llm.protocol.ChatEngine; closing the generator cancels the generation."""
        await self._grammars.check(request.json_schemas)
        _check_libraries(request.json_schemas)
        try:
            response = await self._chat.create_chat_completion(
                self._vllm_request(request, generation_id, self._cache_salts.salt(tenant_id))
            )
            if isinstance(response, ErrorResponse):
                raise _error(response.error.code, response.error.message)
            if request.stream:
                options = request.stream_options
                usage = options is not None and options.include_usage
                async with aclosing(_stream_events(response, include_usage=usage)) as events:
                    async for event in events:
                        yield event
            else:
                body = self._whole(response.model_dump(mode="json", exclude_none=True), request)
                yield Completion(body)
                yield _usage(body, [choice["finish_reason"] for choice in body["choices"]])
        except (VLLMClientError, ValidationError, ValueError) as error:
            # vLLM's own validation errors are not ValueErrors, but some of its checks raise those.
            raise BadRequest(_describe(error)) from error
        except GracefulHTTPError as error:
            raise _error(int(error.http_status), error.message) from error
        except EngineDeadError as error:
            raise _engine_stopped() from error
        except GenerationError as error:
            # Mostly a JSON schema whose grammar can't be compiled, which only the engine notices.
            raise BadRequest("The model could not process this request.") from error

    def forget(self, tenant_id: str) -> None:
        """Make what is cached of the tenant's prompts unreachable."""
        self._cache_salts.forget(tenant_id)

    def _vllm_request(
        self, request: ChatRequest, generation_id: str, cache_salt: str
    ) -> ChatCompletionRequest:
        limit = self._model.max_tokens
        max_tokens = request.max_completion_tokens or request.max_tokens or limit
        body = request.wire() | {
            "request_id": generation_id,
            "cache_salt": cache_salt,
            "max_completion_tokens": min(max_tokens, limit),
        }
        body["messages"] = self._control_tokens.disarm(body["messages"])
        check_arguments(request.chat_template_kwargs or {}, self._template_variables)
        body["chat_template_kwargs"] = self._control_tokens.disarm(
            template_arguments(
                request,
                switch=self._model.thinking_switch,
                thinks_in_chat=self._model.thinks_in_chat,
            )
        )
        if request.tools:
            body["tools"] = with_parameters(body["tools"])
        body.pop("max_tokens", None)
        if request.stream:
            body["stream_options"] = {"include_usage": True}
        else:
            body.pop("stream_options", None)
        return ChatCompletionRequest.model_validate(body)

    def _whole(self, body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        for choice in body["choices"]:
            # Null in OpenAI's own answers; absent where a limit cut off the thoughts.
            choice["message"].setdefault("content", None)
        if not request.tools or request.tool_choice == "none":
            return body
        forced = request.tool_choice not in (None, "auto")
        choices = [
            without_cut_call(choice, marker=self._call_marker, forced=forced)
            for choice in body["choices"]
        ]
        return {**body, "choices": choices}


def _special_tokens(tokenizer: Any) -> list[str]:
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    # Some models' <think> is no special token, but ends their thoughts wherever it stands.
    return [
        *tokenizer.all_special_tokens,
        *(token.content for token in added if token.special or token.content in _THOUGHT_TOKENS),
    ]


def _template(model: EngineModel, tokenizer: Any) -> str | None:
    if model.chat_template is not None:
        return Path(model.chat_template).read_text("utf-8")
    template = getattr(tokenizer, "chat_template", None)
    return template if isinstance(template, str) else None


def _call_marker(parser: Any) -> str | None:
    """Return the text that begins a tool call, where vLLM's parser names it."""
    tool_parser = getattr(parser, "tool_parser_cls", None)
    markers = (getattr(tool_parser, name, None) for name in _CALL_MARKERS)
    return next((marker for marker in markers if isinstance(marker, str) and marker), None)


def _check_libraries(schemas: Sequence[Mapping[str, Any]]) -> None:
    """Raise BadRequest for schemas that only Outlines supports.

    vLLM has it turn a schema into one regular expression, in the event loop: minutes for a large
    one.
    """
    for schema in map(dict, schemas):
        if has_xgrammar_unsupported_json_features(
            schema
        ) and has_guidance_unsupported_json_features(schema):
            raise BadRequest(
                "A JSON schema combines patternProperties with keywords that the engine can't "
                "enforce beside it (such as properties, multipleOf, uniqueItems or allOf)."
            )


async def _stream_events(
    sse: AsyncGenerator[str, None], *, include_usage: bool
) -> AsyncGenerator[StreamEvent, None]:
    """Yield vLLM's server-sent events as StreamEvents; raise its error events."""
    finish_reasons: dict[int, str] = {}
    async with aclosing(sse):
        async for event in sse:
            text = event.removeprefix(_EVENT_PREFIX).strip()
            if text == _DONE:
                return
            if _TOOL_CALLS in text:
                text = with_call_arguments(text)
            if not any(marker in text for marker in _PARSED_MARKERS):
                yield Chunk(text)
                continue
            chunk = json.loads(text)
            if "error" in chunk:
                raise _error(chunk["error"].get("code"), chunk["error"].get("message"))
            for choice in chunk["choices"]:
                if choice.get("finish_reason"):
                    finish_reasons[choice["index"]] = choice["finish_reason"]
            if chunk["choices"] or include_usage:
                yield Chunk(text)
            if not chunk["choices"]:
                yield _usage(chunk, [reason for _, reason in sorted(finish_reasons.items())])


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
    return _engine_stopped()


def _engine_stopped() -> ModelUnavailable:
    return ModelUnavailable(
        "The engine has stopped and is being restarted; try again later.", retry_after_s=30
    )


def _describe(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        return f"{path or 'body'}: {first['msg']}."
    # Not str(): vLLM's own errors append the invalid value.
    return str(error.args[0])[:1_000] if error.args else "The model can't process this request."
