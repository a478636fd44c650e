"""A summary of a plan by the language model, in two sentences that add nothing to the plan.

A small model makes things up, so its text is checked against the plan's own sentences. A summary
with another number, or with a recipe that was not planned, is dropped.
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
#: The plan's first sentences, so that the prompt fits any model.
_MAX_FACTS: Final = 24
_MAX_TOKENS: Final = 120
_MAX_CHARACTERS: Final = 400
_SCHEMA: Final = {
    "type": "object",
    "properties": {"summary": {"type": "string", "minLength": 1, "maxLength": _MAX_CHARACTERS}},
    "required": ["summary"],
    "additionalProperties": False,
}
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


async def summarize(
    engine: ChatEngine, request: PlanRequest, plan: PlanAnswer, *, tenant_id: str | None = None
) -> str | None:
    """Return the plan in one or two sentences.

    None without meals, if the engine is unavailable, and if the text is not grounded in the plan.
    """
    if not plan.meal_plan:
        return None
    facts = plan.explanation[:_MAX_FACTS]
    try:
        completion = await complete(engine, _request(facts), tenant_id=tenant_id)
    except ServiceError as error:
        log.info("plan summary unavailable", extra={"code": error.code})
        return None
    text = _first_two_sentences(_summary(completion))
    planned = {meal.recipe_id for meal in plan.meal_plan}
    others = [recipe.name for recipe in request.recipes if recipe.id not in planned]
    return text if text and is_grounded(text, facts, others) else None


def is_grounded(text: str, facts: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether the facts contain all numbers and names of `others` that the text contains."""
    known, text = " ".join(facts).casefold(), text.casefold()
    numbers = set(_NUMBER.findall(known))
    return all(number in numbers for number in _NUMBER.findall(text)) and not any(
        name.casefold() in text and name.casefold() not in known for name in others
    )


def _request(facts: Sequence[str]) -> ChatRequest:
    return ChatRequest.model_validate(
        {
            "messages": [
                {"role": "system", "content": _TASK},
                {"role": "user", "content": "\n".join(facts)},
            ],
            "temperature": 0,
            "max_completion_tokens": _MAX_TOKENS,
            "response_format": json_schema_format("summary", _SCHEMA),
        }
    )


def _summary(completion: Mapping[str, Any]) -> str:
    """Return the summary, empty if the token limit cut it off."""
    try:
        summary: str = json.loads(completion["choices"][0]["message"]["content"] or "")["summary"]
    except (ValueError, KeyError, TypeError):
        return ""
    return summary


def _first_two_sentences(text: str) -> str:
    return " ".join(_SENTENCE_END.split(" ".join(text.split()))[:2])
