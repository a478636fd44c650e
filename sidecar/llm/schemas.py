"""The chat request: OpenAI's fields, validated before vLLM sees them.

vLLM accepts more fields (a chat template, processor arguments, URLs to fetch); those not listed
here never reach it.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    field_validator,
    model_validator,
)

from sidecar.core.validation import FailFastModel, NotBoolean, max_length, printable
from sidecar.llm.grammar_limits import check_patterns

MAX_GRAMMAR_BYTES = 65_536
"""Limit for all JSON schemas of a request together; each is compiled into a grammar."""
MAX_BIASES = 1_000

_Text = Annotated[str, StringConstraints(max_length=2_000_000)]
_FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
_Id = Annotated[str, StringConstraints(max_length=200)]
_Recorded = Annotated[_Id, AfterValidator(printable)]
_Stop = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _ChatModel(FailFastModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class ImageUrl(_ChatModel):
    """The URL of an image: a data: URL with base64, or http(s)."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(_ChatModel):
    type: Literal["image_url"]
    image_url: ImageUrl


class TextPart(_ChatModel):
    type: Literal["text"]
    text: _Text


_Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]
_Parts = Annotated[tuple[_Part, ...], Field(min_length=1, max_length=200)]


class CalledFunction(_ChatModel):
    """A function call of the model; `arguments` is a JSON object as text."""

    name: _FunctionName
    arguments: _Text


class ToolCall(_ChatModel):
    id: _Id
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(_ChatModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: _Text | _Parts | None = None
    name: _Id | None = None
    tool_calls: Annotated[tuple[ToolCall, ...], Field(max_length=128)] | None = None
    tool_call_id: _Id | None = None
    # The thoughts of an earlier answer; templates show them to the model between tool calls.
    reasoning: _Text | None = Field(
        None, validation_alias=AliasChoices("reasoning", "reasoning_content")
    )

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("content is required in a message without tool calls")
        return self


class Function(_ChatModel):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: _FunctionName
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    parameters: Mapping[str, Any] | None = None
    strict: StrictBool | None = None


class Tool(_ChatModel):
    type: Literal["function"]
    function: Function


class NamedFunction(_ChatModel):
    name: _FunctionName


class NamedTool(_ChatModel):
    """The tool that the model must call."""

    type: Literal["function"]
    function: NamedFunction


class Schema(_ChatModel):
    """The JSON schema that the completion must match."""

    name: _Id
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    schema_: Annotated[Mapping[str, Any], Field(alias="schema")]
    strict: StrictBool | None = None


class PlainFormat(_ChatModel):
    """Free text, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaFormat(_ChatModel):
    """JSON that matches a schema."""

    type: Literal["json_schema"]
    json_schema: Schema


class StreamOptions(_ChatModel):
    include_usage: StrictBool = False


_Penalty = Annotated[float, Field(ge=-2, le=2), NotBoolean]
_Bias = Annotated[float, Field(ge=-100, le=100), NotBoolean]
_TokenId = Annotated[str, StringConstraints(pattern=r"^\d{1,9}$")]
_Tokens = Annotated[int, Field(ge=1, le=1_000_000), NotBoolean]
_Argument = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,63}$")]
TemplateArgument = (
    StrictBool
    | Annotated[StrictInt, Field(ge=-1_000_000, le=1_000_000)]
    | Annotated[StrictFloat, Field(ge=-1_000_000, le=1_000_000)]
    | Annotated[str, StringConstraints(max_length=1_000)]
)
#: Arguments of a chat template that are not the caller's: they are the conversation.
_RESERVED_ARGUMENTS = frozenset(
    {
        "add_generation_prompt", "bos_token", "chat_template", "continue_final_message",
        "conversation", "documents", "eos_token", "messages", "padding", "return_dict", "tokenize",
        "tokenizer_kwargs", "tools", "truncation",
    }
)  # fmt: skip
_ResponseFormat = Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")]


class ChatRequest(_ChatModel):
    """The body of POST /v1/chat/completions. Fields that are not listed never reach vLLM."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=2_000)]
    model: _Recorded | None = None
    user: _Recorded | None = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=8), NotBoolean] | None = None
    max_tokens: _Tokens | None = None
    max_completion_tokens: _Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2), NotBoolean] | None = None
    top_p: Annotated[float, Field(gt=0, le=1), NotBoolean] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63), NotBoolean] | None = None
    stop: _Stop | Annotated[tuple[_Stop, ...], Field(max_length=4)] | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20), NotBoolean] | None = None
    logit_bias: (
        Annotated[
            Mapping[_TokenId, _Bias],
            max_length(MAX_BIASES, "tokens of logit_bias"),
            Field(max_length=MAX_BIASES),
        ]
        | None
    ) = None
    response_format: _ResponseFormat | None = None
    tools: Annotated[tuple[Tool, ...], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: StrictBool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )
    # Extensions of vLLM.
    chat_template_kwargs: (
        Annotated[Mapping[_Argument, TemplateArgument], Field(max_length=16)] | None
    ) = None
    top_k: Annotated[int, Field(ge=-1, le=1_000_000), NotBoolean] | None = None
    min_p: Annotated[float, Field(ge=0, le=1), NotBoolean] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10), NotBoolean] | None = None
    min_tokens: Annotated[int, Field(ge=0, le=1_000_000), NotBoolean] | None = None
    ignore_eos: StrictBool | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_functions(cls, body: Any) -> Any:
        for former, current in (("functions", "tools"), ("function_call", "tool_choice")):
            if isinstance(body, dict) and body.get(former) is not None:
                raise ValueError(f"{former} is not supported; send {current}, its successor")
        return body

    @field_validator("chat_template_kwargs")
    @classmethod
    def _check_arguments(cls, value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if reserved := _RESERVED_ARGUMENTS & (value or {}).keys():
            raise ValueError(f"{', '.join(sorted(reserved))} can't be set by a request")
        return value

    @model_validator(mode="after")
    def _check_tools(self) -> Self:
        names = [tool.function.name for tool in self.tools or ()]
        if len(set(names)) != len(names):
            raise ValueError("the functions of tools must have unique names")
        chosen = self.tool_choice
        if isinstance(chosen, NamedTool) and chosen.function.name not in names:
            raise ValueError("tool_choice names a function that is not among the tools")
        if chosen == "required" and not names:
            raise ValueError("tool_choice needs tools")
        return self

    @model_validator(mode="after")
    def _check_schema_size(self) -> Self:
        schemas = self.json_schemas
        size = sum(len(json.dumps(schema)) for schema in schemas)
        if size > MAX_GRAMMAR_BYTES:
            raise ValueError(f"the schemas have {size} bytes; the limit is {MAX_GRAMMAR_BYTES}")
        check_patterns(schemas)
        return self

    @property
    def json_schemas(self) -> tuple[Mapping[str, Any], ...]:
        """Return every JSON schema of the request: the tools' parameters, the response's format."""
        schemas = [tool.function.parameters for tool in self.tools or ()]
        if isinstance(self.response_format, SchemaFormat):
            schemas.append(self.response_format.json_schema.schema_)
        return tuple(schema for schema in schemas if schema)

    @property
    def image_urls(self) -> tuple[str, ...]:
        """Return the URL of every image, in order."""
        return tuple(
            part.image_url.url
            for message in self.messages
            if isinstance(message.content, tuple)
            for part in message.content
            if isinstance(part, ImagePart)
        )

    def with_images(self, urls: Mapping[str, str]) -> "ChatRequest":
        """Return the request with each image's URL replaced."""

        def replace(part: TextPart | ImagePart) -> TextPart | ImagePart:
            if isinstance(part, TextPart):
                return part
            image = part.image_url.model_copy(update={"url": urls[part.image_url.url]})
            return part.model_copy(update={"image_url": image})

        messages = tuple(
            message.model_copy(update={"content": tuple(map(replace, message.content))})
            if isinstance(message.content, tuple)
            else message
            for message in self.messages
        )
        return self.model_copy(update={"messages": messages})

    def wire(self) -> dict[str, Any]:
        """Return the request as JSON, with only the fields that were sent."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
