"""What a chat request may hold: OpenAI's fields, checked here before vLLM sees any of them.

vLLM's own request takes more (a chat template, processor arguments, URLs to fetch); what is not
named below never reaches it.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, model_validator

MAX_GRAMMAR_BYTES = 65_536
"""Of all schemas of a request together; each is compiled into a grammar."""

_Text = Annotated[str, StringConstraints(max_length=2_000_000)]
_FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
_Id = Annotated[str, StringConstraints(max_length=200)]
_Stop = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class ImageUrl(_Part):
    """Where an image is: a data: URL with base64, or http(s)."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(_Part):
    """An image in a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


class TextPart(_Part):
    """A piece of a message's text."""

    type: Literal["text"]
    text: _Text


class CalledFunction(_Part):
    """What the model called, its arguments as the text of a JSON object."""

    name: _FunctionName
    arguments: _Text


class ToolCall(_Part):
    """A call that an assistant's message made."""

    id: _Id
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(_Part):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: (
        _Text
        | Annotated[
            tuple[Annotated[TextPart | ImagePart, Field(discriminator="type")], ...],
            Field(min_length=1, max_length=200),
        ]
        | None
    ) = None
    name: _Id | None = None
    tool_calls: Annotated[tuple[ToolCall, ...], Field(max_length=128)] | None = None
    tool_call_id: _Id | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("content is needed in every message that calls no tool")
        return self


class Function(_Part):
    """A function that the model may call; parameters are a JSON schema."""

    name: _FunctionName
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    parameters: Mapping[str, Any] | None = None
    strict: StrictBool | None = None


class Tool(_Part):
    """A tool that the model may use."""

    type: Literal["function"]
    function: Function


class NamedFunction(_Part):
    """The name of one of the functions."""

    name: _FunctionName


class NamedTool(_Part):
    """The tool that the model must use."""

    type: Literal["function"]
    function: NamedFunction


class Schema(_Part):
    """The JSON schema that the answer must follow."""

    name: _Id
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    schema_: Annotated[Mapping[str, Any], Field(alias="schema")]
    strict: StrictBool | None = None


class PlainFormat(_Part):
    """Free text, or any JSON object."""

    type: Literal["text", "json_object"]


class SchemaFormat(_Part):
    """JSON that follows a schema."""

    type: Literal["json_schema"]
    json_schema: Schema


class StreamOptions(_Part):
    """What a stream carries besides its text."""

    include_usage: StrictBool = False


_Penalty = Annotated[float, Field(ge=-2, le=2)]
_Tokens = Annotated[int, Field(ge=1, le=1_000_000)]


class ChatRequest(_Part):
    """The body of POST /v1/chat/completions. Fields it doesn't name are left alone."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=2_000)]
    model: _Id | None = None
    user: str | None = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=8)] | None = None
    max_tokens: _Tokens | None = None
    max_completion_tokens: _Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: _Stop | Annotated[tuple[_Stop, ...], Field(max_length=16)] | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    logit_bias: (
        Annotated[
            Mapping[
                Annotated[str, StringConstraints(pattern=r"^\d{1,9}$")],
                Annotated[float, Field(ge=-100, le=100)],
            ],
            Field(max_length=1_000),
        ]
        | None
    ) = None
    response_format: Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")] | None = (
        None
    )
    tools: Annotated[tuple[Tool, ...], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: StrictBool | None = None
    # vLLM's own, which its users know.
    top_k: Annotated[int, Field(ge=-1, le=1_000_000)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None
    min_tokens: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    ignore_eos: StrictBool | None = None

    @model_validator(mode="after")
    def _tools_are_there(self) -> Self:
        names = [tool.function.name for tool in self.tools or ()]
        if len(set(names)) != len(names):
            raise ValueError("the functions of tools must have distinct names")
        chosen = self.tool_choice
        if isinstance(chosen, NamedTool) and chosen.function.name not in names:
            raise ValueError("tool_choice names a function that is not among the tools")
        if chosen == "required" and not names:
            raise ValueError("tool_choice needs tools")
        return self

    @model_validator(mode="after")
    def _schemas_are_small(self) -> Self:
        schemas: list[Mapping[str, Any]] = [
            tool.function.parameters for tool in self.tools or () if tool.function.parameters
        ]
        if isinstance(self.response_format, SchemaFormat):
            schemas.append(self.response_format.json_schema.schema_)
        size = sum(len(json.dumps(schema)) for schema in schemas)
        if size > MAX_GRAMMAR_BYTES:
            raise ValueError(f"the schemas have {size} bytes; the limit is {MAX_GRAMMAR_BYTES}")
        return self

    @property
    def image_urls(self) -> tuple[str, ...]:
        """The URL of every image, in order."""
        return tuple(
            part.image_url.url
            for message in self.messages
            if isinstance(message.content, tuple)
            for part in message.content
            if isinstance(part, ImagePart)
        )

    def with_images(self, urls: Mapping[str, str]) -> "ChatRequest":
        """The request with each image's URL replaced."""

        def replaced(part: TextPart | ImagePart) -> TextPart | ImagePart:
            if isinstance(part, TextPart):
                return part
            image = part.image_url.model_copy(update={"url": urls[part.image_url.url]})
            return part.model_copy(update={"image_url": image})

        messages = tuple(
            message.model_copy(update={"content": tuple(map(replaced, message.content))})
            if isinstance(message.content, tuple)
            else message
            for message in self.messages
        )
        return self.model_copy(update={"messages": messages})

    def wire(self) -> dict[str, Any]:
        """The request as JSON, with what was sent and nothing else."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
