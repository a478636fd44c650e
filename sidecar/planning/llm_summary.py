"""A plan in two sentences of the language model, which may say nothing that the plan does not.

A small model makes things up, so its words are checked against the plan's own sentences: what holds
another number, or a recipe that was not planned, is not shown.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidecar.core.errors import ServiceError
from sidecar.llm.completions import complete, json_schema_format
from sidecar.llm.protocol import ChatEngine
from sidecar.llm.schemas import ChatRequest
from sidecar.planning.response import PlanAnswer
from sidecar.planning.schemas import PlanRequest

log = logging.getLogger(__name__)

_TASK: Final = (
    "You are handed the facts of a meal plan. Tell the person who will cook, in one or two short "
    "sentences, what is special about it. Say nothing that is not among the facts."
)
#: Of the plan's sentences, so that they fit any model.
_MOST_FACTS: Final = 24
_MOST_TOKENS: Final = 120
_LONGEST: Final = 400
_SCHEMA: Final = {
    "type": "object",
    "properties": {"summary": {"type": "string", "minLength": 1, "maxLength": _LONGEST}},
    "required": ["summary"],
    "additionalProperties": False,
}
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


async def with_summary(
    engine: ChatEngine, request: PlanRequest, plan: PlanAnswer
) -> Mapping[str, object]:
    """The plan for the wire, with a `summary` where `summarize` has one."""
    summary = await summarize(engine, request, plan)
    return {**plan.wire(), "summary": summary} if summary else plan.wire()


async def summarize(engine: ChatEngine, request: PlanRequest, plan: PlanAnswer) -> str | None:
    """The plan in a sentence or two; None without a plan, when the engine is away, and when what it
    says is not in the plan.
    """
    if not plan.meal_plan:
        return None
    facts = plan.explanation[:_MOST_FACTS]
    try:
        answer = await complete(engine, _request(facts))
    except ServiceError as error:
        log.info("a plan goes without its prose", extra={"code": error.code})
        return None
    text = _first_two(_summary(answer))
    planned = {meal.recipe_id for meal in plan.meal_plan}
    others = [recipe.name for recipe in request.recipes if recipe.id not in planned]
    return text if text and is_grounded(text, facts, others) else None


def is_grounded(text: str, facts: Sequence[str], others: Sequence[str]) -> bool:
    """Whether each number of the text is among the facts, and no name of `others` is in it unless
    it is in the facts too.
    """
    told = " ".join(facts).casefold()
    said = text.casefold()
    numbers = set(_NUMBER.findall(told))
    return all(number in numbers for number in _NUMBER.findall(said)) and not any(
        name.casefold() in said and name.casefold() not in told for name in others
    )


def _request(facts: Sequence[str]) -> ChatRequest:
    return ChatRequest.model_validate(
        {
            "messages": [
                {"role": "system", "content": _TASK},
                {"role": "user", "content": "\n".join(facts)},
            ],
            "temperature": 0,
            "max_completion_tokens": _MOST_TOKENS,
            "response_format": json_schema_format("summary", _SCHEMA),
        }
    )


def _summary(answer: Mapping[str, Any]) -> str:
    """Empty for an answer that the limit of tokens cut off."""
    try:
        summary: str = json.loads(answer["choices"][0]["message"]["content"] or "")["summary"]
    except (ValueError, KeyError, TypeError):
        return ""
    return summary


def _first_two(text: str) -> str:
    return " ".join(_SENTENCE_END.split(" ".join(text.split()))[:2])
