"""Categories by the language model: each answer is held to the labels by its schema.

A language model's word on its own certainty is worth little, so it is asked several times, and the
scores are the shares of its answers (self-consistency: Wang et al. 2023, arXiv 2203.11171), with
half an answer added to every label so that none is called impossible.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.core.errors import ModelUnavailable
from sidecar.llm.completions import complete, json_schema_format
from sidecar.llm.protocol import ChatEngine
from sidecar.llm.schemas import ChatRequest
from sidecar.text.product_names import expand

ANSWERS: Final = 8  # of one item; as many as a request may ask for
_TASK: Final = "You sort groceries. Name the one category that fits the item best."
_AT_ONCE: Final = 8  # items; the engine batches them
_MOST_TOKENS: Final = 100
_ADDED: Final = 0.5


class LlmClassifier:
    """The served language model as a classifier."""

    #: Of what is asked, not of the model.
    model_version: Final = "1"

    def __init__(self, engine: ChatEngine) -> None:
        """`engine` may be away: then `classify` raises ModelUnavailable."""
        self._engine = engine
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._model: str | None = None

    @property
    def model_id(self) -> str:
        """The model's own name from its first answer on."""
        return "llm" if self._model is None else f"llm+{self._model}"

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Scores for each item; a repeated item is asked about once. Raises as the engine does."""
        distinct = list(dict.fromkeys(items))
        try:
            async with asyncio.TaskGroup() as group:
                asked = {item: group.create_task(self._ask(item)) for item in distinct}
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [asked[item].result() for item in items]

    async def _ask(self, item: ClassificationItem) -> Scores:
        if len(item.labels) == 1:
            return {item.labels[0]: 1.0}
        async with self._room:
            answer = await complete(self._engine, _request(item))
        self._model = answer["model"]
        return _scores(item.labels, answer["choices"])


def _request(item: ClassificationItem) -> ChatRequest:
    name = expand(item.name) or item.name
    schema = {
        "type": "object",
        "properties": {"category": {"enum": list(item.labels)}},
        "required": ["category"],
        "additionalProperties": False,
    }
    return ChatRequest.model_validate(
        {
            "messages": [
                {"role": "system", "content": _TASK},
                {
                    "role": "user",
                    "content": f"Categories: {json.dumps(item.labels, ensure_ascii=False)}\n"
                    f"Item: {name}",
                },
            ],
            "n": ANSWERS,
            "temperature": 1.0,
            "seed": 0,  # the same item gets the same answer
            "max_completion_tokens": _MOST_TOKENS,
            "response_format": json_schema_format("category", schema),
        }
    )


def _scores(labels: Sequence[str], choices: Sequence[Any]) -> Scores:
    """Raises ModelUnavailable when no answer came to its end."""
    votes = Counter(_category(choice["message"]["content"]) for choice in choices)
    counted = sum(votes[label] for label in labels)
    if not counted:
        raise ModelUnavailable("The language model did not come to an end.")
    total = counted + _ADDED * len(labels)
    return {label: (votes[label] + _ADDED) / total for label in labels}


def _category(content: str | None) -> str | None:
    """None for an answer that the limit of tokens cut off."""
    try:
        category: str = json.loads(content or "")["category"]
    except (ValueError, KeyError, TypeError):
        return None
    return category
