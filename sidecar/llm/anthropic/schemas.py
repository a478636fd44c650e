"""The request of Anthropic's Messages API, validated. Fields that are not listed are ignored."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    field_validator,
    model_validator,
)

from sidecar.core.validation import FailFastModel, NotBoolean

_Text = Annotated[str, StringConstraints(max_length=2_000_000)]
_Id = Annotated[str, StringConstraints(max_length=200)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]
_Stop = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_Share = Annotated[float, Field(ge=0, le=1), NotBoolean]


class _MessagesModel(FailFastModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class TextBlock(_MessagesModel):
    type: Literal["text"]
    text: _Text


class Base64Source(_MessagesModel):
    """An image in base64."""

    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/webp", "image/gif"]
    data: str


class UrlSource(_MessagesModel):
    """An image at an http(s) URL."""

    type: Literal["url"]
    url: str


class ImageBlock(_MessagesModel):
    type: Literal["image"]
    source: Annotated[Base64Source | UrlSource, Field(discriminator="type")]

    @property
    def url(self) -> str:
        """The image's URL, a data: URL for one in base64."""
        if isinstance(self.source, UrlSource):
            return self.source.url
        return f"data:{self.source.media_type};base64,{self.source.data}"


class ToolUseBlock(_MessagesModel):
    """A call of a tool by the model."""

    type: Literal["tool_use"]
    id: _Id
    name: _Name
    input: Mapping[str, Any]

    @field_validator("input")
    @classmethod
    def _check_size(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if len(json.dumps(value)) > 2_000_000:
            raise ValueError("must have at most 2000000 characters as JSON")
        return value


class ToolResultBlock(_MessagesModel):
    """What a called tool returned."""

    type: Literal["tool_result"]
    tool_use_id: _Id
    content: (
        _Text
        | Annotated[
            tuple[Annotated[TextBlock | ImageBlock, Field(discriminator="type")], ...],
            Field(max_length=200),
        ]
        | None
    ) = None
    is_error: StrictBool = False


class ThinkingBlock(_MessagesModel):
    """The model's thoughts in an earlier answer."""

    type: Literal["thinking"]
    thinking: _Text


_UserBlock = Annotated[TextBlock | ImageBlock | ToolResultBlock, Field(discriminator="type")]
_AssistantBlock = Annotated[TextBlock | ToolUseBlock | ThinkingBlock, Field(discriminator="type")]


class UserTurn(_MessagesModel):
    role: Literal["user"]
    content: _Text | Annotated[tuple[_UserBlock, ...], Field(min_length=1, max_length=200)]


class AssistantTurn(_MessagesModel):
    role: Literal["assistant"]
    content: _Text | Annotated[tuple[_AssistantBlock, ...], Field(min_length=1, max_length=200)]


Turn = Annotated[UserTurn | AssistantTurn, Field(discriminator="role")]


class CustomTool(_MessagesModel):
    """A tool that the caller runs; `input_schema` is a JSON schema."""

    type: Literal["custom"] = "custom"
    name: _Name
    description: Annotated[str, StringConstraints(max_length=10_000)] | None = None
    input_schema: Mapping[str, Any]


class ToolChoice(_MessagesModel):
    """Which tool the model calls: any, a named one, none, or as it decides."""

    type: Literal["auto", "any", "tool", "none"]
    name: _Name | None = None
    disable_parallel_tool_use: StrictBool = False

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        if self.type == "tool" and self.name is None:
            raise ValueError("name is missing")
        return self


class Thinking(_MessagesModel):
    """Whether the model thinks before it answers; how long is the model's own decision."""

    type: Literal["enabled", "adaptive", "disabled"]


class JsonFormat(_MessagesModel):
    """JSON that matches a schema."""

    type: Literal["json_schema"]
    schema_: Annotated[Mapping[str, Any], Field(alias="schema")]


class OutputConfig(_MessagesModel):
    format: JsonFormat | None = None


class Metadata(_MessagesModel):
    user_id: str | None = None


class MessagesRequest(_MessagesModel):
    """The body of POST /v1/messages."""

    model: _Id | None = None
    messages: Annotated[tuple[Turn, ...], Field(min_length=1, max_length=2_000)]
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000), NotBoolean]
    system: _Text | Annotated[tuple[TextBlock, ...], Field(max_length=200)] | None = None
    metadata: Metadata | None = None
    stop_sequences: Annotated[tuple[_Stop, ...], Field(max_length=4)] | None = None
    stream: StrictBool = False
    temperature: _Share | None = None
    top_p: Annotated[float, Field(gt=0, le=1), NotBoolean] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000), NotBoolean] | None = None
    tools: Annotated[tuple[CustomTool, ...], Field(max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None

    @model_validator(mode="after")
    def _check_turns(self) -> Self:
        if self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's: answers can't be begun")
        return self
