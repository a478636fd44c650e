"""Thoughts of a model: when it thinks, and the arguments of its chat template that say so."""

from collections.abc import Collection, Mapping
from typing import Any

from jinja2 import TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sidecar.core.errors import BadRequest
from sidecar.llm.schemas import ChatRequest, SchemaFormat, TemplateArgument

#: A template that has one of them writes thoughts, or has them written.
_SIGNS = ("<think>", "enable_thinking")


def template_arguments(
    request: ChatRequest, *, switch: str | None, thinks_in_chat: bool
) -> dict[str, TemplateArgument]:
    """Return the chat template's arguments; `switch` is the one that turns thoughts on and off.

    A caller decides with `chat_template_kwargs` or `reasoning_effort`. Otherwise a model doesn't
    think before it fills a JSON schema: callers wait for the object, and thoughts would use up its
    tokens.
    """
    arguments = dict(request.chat_template_kwargs or {})
    if switch is None or switch in arguments:
        return arguments
    if request.reasoning_effort is not None:
        arguments[switch] = request.reasoning_effort != "none"
    elif is_structured(request) or not thinks_in_chat:
        arguments[switch] = False
    return arguments


def is_structured(request: ChatRequest) -> bool:
    """Return whether the answer is a JSON object."""
    format_ = request.response_format
    return isinstance(format_, SchemaFormat) or (
        format_ is not None and format_.type == "json_object"
    )


def check_arguments(arguments: Mapping[str, Any], known: Collection[str] | None) -> None:
    """Raise BadRequest for an argument that the template doesn't read; None: any may be."""
    unknown = [] if known is None else sorted(arguments.keys() - set(known))
    if unknown:
        raise BadRequest(
            f"chat_template_kwargs: the model's chat template has no {', '.join(unknown)}."
        )


def template_variables(template: str | None) -> frozenset[str] | None:
    """Return the variables that a chat template reads; None when that can't be told."""
    if template is None:
        return None
    environment = ImmutableSandboxedEnvironment(
        extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"]
    )
    try:
        return frozenset(meta.find_undeclared_variables(environment.parse(template)))
    except TemplateError:  # Hugging Face's own tags
        return None


def missing_parser(template: str | None, reasoning_parser: str | None) -> str | None:
    """Return a sentence for the operator when thoughts would be part of the answers."""
    if reasoning_parser is not None or not any(sign in (template or "") for sign in _SIGNS):
        return None
    return (
        "The model may think, and no reasoning parser is set: its thoughts will be part of its "
        "answers. Set SIDECAR_ENGINE_REASONING_PARSER to vLLM's parser for it (qwen3, "
        "deepseek_r1, …), or to none if it doesn't think."
    )
