"""Classifies with the language model; a JSON schema restricts its answers to the labels.

A language model's own confidence is unreliable, so it answers several times, and the scores are
the labels' shares of the answers (self-consistency: Wang et al. 2023, arXiv 2203.11171). Additive
smoothing with half an answer keeps every score above 0.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sidecar.classification.backend import ClassificationItem, Scores, cost_of_names
from sidecar.core.errors import ModelUnavailable
from sidecar.llm.completions import complete, json_schema_format
from sidecar.llm.protocol import ChatEngine
from sidecar.llm.schemas import ChatRequest
from sidecar.text.product_names import expand

ANSWERS: Final = 8  # per item; the maximum of `n` in a request
_TASK: Final = "You sort groceries. Name the one category that fits the item best."
_CONCURRENT_ITEMS: Final = 8  # the engine batches them
_MAX_TOKENS: Final = 100
_SMOOTHING: Final = 0.5


class LlmClassifier:
    """Classifies with the served language model."""

    model_version: Final = "1"  # of the prompt, not of the model

    def __init__(self, engine: ChatEngine) -> None:
        self._engine = engine
        self._slots = asyncio.Semaphore(_CONCURRENT_ITEMS)
        self._model: str | None = None

    @property
    def model_id(self) -> str:
        """Return "llm", followed by the model's name once it has answered."""
        return "llm" if self._model is None else f"llm+{self._model}"

    def cost(self, items: Sequence[ClassificationItem]) -> int:
        """Return what a call with these items has to read, as `reading_cost` counts it."""
        return cost_of_names(items)

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Return scores for each item; a repeated item is classified once.

        Raises the engine's errors, ModelUnavailable while it is down.
        """
        distinct = dict.fromkeys(items)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {item: group.create_task(self._classify_item(item)) for item in distinct}
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [tasks[item].result() for item in items]

    async def _classify_item(self, item: ClassificationItem) -> Scores:
        if len(item.labels) == 1:
            return {item.labels[0]: 1.0}
        async with self._slots:
            completion = await complete(self._engine, _request(item))
        self._model = completion["model"]
        return _scores(item.labels, completion["choices"])


def _request(item: ClassificationItem) -> ChatRequest:
    name = expand(item.name) or item.name
    labels = json.dumps(item.labels, ensure_ascii=False)
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
                {"role": "user", "content": f"Categories: {labels}\nItem: {name}"},
            ],
            "n": ANSWERS,
            "temperature": 1.0,
            "seed": 0,  # the same item gets the same scores
            "max_completion_tokens": _MAX_TOKENS,
            "response_format": json_schema_format("category", schema),
        }
    )


def _scores(labels: Sequence[str], choices: Sequence[Any]) -> Scores:
    votes = Counter(_category(choice["message"]["content"]) for choice in choices)
    valid_votes = sum(votes[label] for label in labels)
    if not valid_votes:
        raise ModelUnavailable("All answers of the language model were cut off.")
    total = valid_votes + _SMOOTHING * len(labels)
    return {label: (votes[label] + _SMOOTHING) / total for label in labels}


def _category(content: str | None) -> str | None:
    """Return the answer's category, None when the token limit cut the answer off."""
    try:
        category: str = json.loads(content or "")["category"]
    except (ValueError, KeyError, TypeError):
        return None
    return category
