"""Canned models: deterministic answers of the right shape that mean nothing."""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import numpy as np

from sidecar.classification.backend import ClassificationItem, ClassificationResult
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import ModelInfo
from sidecar.llm.protocol import Chunk, Completion, EngineState, StreamEvent, Usage
from sidecar.llm.schemas import ChatRequest
from sidecar.planning.response import Meal, Metrics, PlanAnswer, Status, Suggestion
from sidecar.planning.schemas import PlanRequest, SuggestionRequest
from sidecar.search.ranking import SearchResult, search, semantic_scores
from sidecar.search.schemas import SearchRequest

MODEL: Final = "stub"
VERSION: Final = "stub-1"
DIMENSION: Final = 384
_REPLY: Final = "This is a stub."


class StubEmbedder:
    """Unit vectors by a text's hash."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts]
        rows = [np.random.default_rng(seed).standard_normal(DIMENSION) for seed in seeds]
        vectors = np.array(rows, dtype=np.float32)
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    async def embed_for_matching(self, texts: Sequence[str]) -> Vectors:
        return await self.embed(texts)

    async def info(self) -> ModelInfo:
        return ModelInfo(MODEL, VERSION, DIMENSION)

    async def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(text.split()) for text in texts)

    async def search(self, request: SearchRequest) -> tuple[Sequence[SearchResult], ModelInfo]:
        vectors = await self.embed([request.query, *(d.text for d in request.documents)])
        documents = [document.text for document in request.documents]
        results = search(request.as_query, documents, semantic_scores(vectors[1:], vectors[0]))
        return results, await self.info()


class StubClassifier:
    """The label that a name contains, else the one that its hash picks."""

    async def info(self) -> str:
        return MODEL

    async def classify(self, items: Sequence[ClassificationItem]) -> ClassificationResult:
        scores = [_scores(item.name, item.labels) for item in items]
        return ClassificationResult(scores, MODEL, VERSION)


def _scores(name: str, labels: Sequence[str]) -> Mapping[str, float]:
    if len(labels) == 1:
        return {labels[0]: 1.0}
    picked = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % len(labels)
    for index, label in enumerate(labels):
        if label.casefold() in name.casefold():
            picked = index
    rest = 0.1 / (len(labels) - 1)
    return {label: 0.9 if index == picked else rest for index, label in enumerate(labels)}


class StubPlanner:
    """Recipes in turn, in every slot of the horizon."""

    async def plan(self, request: PlanRequest) -> PlanAnswer:
        return canned_plan(request)

    async def suggest(self, request: SuggestionRequest) -> Sequence[Suggestion]:
        return [
            Suggestion(
                recipe_id=recipe.id,
                recipe_name=recipe.name,
                score=float(100 - rank),
                expiring_used=(),
                missing=tuple(ingredient.name for ingredient in recipe.ingredients),
                reason=_REPLY,
            )
            for rank, recipe in enumerate(request.recipes[: request.limit])
        ]

    async def worker_count(self) -> int:
        return 0


def canned_plan(request: PlanRequest) -> PlanAnswer:
    """Return a plan that is said to be optimal, and is not."""
    horizon, recipes = request.planning_horizon, request.recipes
    slots = [(day, meal) for day in range(horizon.days) for meal in horizon.meal_types]
    meals = tuple(
        Meal(
            date=(horizon.start_date + timedelta(days=day)).isoformat(),
            day_index=day,
            meal_type=meal_type,
            recipe_id=recipes[number % len(recipes)].id,
            recipe_name=recipes[number % len(recipes)].name,
        )
        for number, (day, meal_type) in enumerate(slots)
    )
    return PlanAnswer(
        status=Status.OPTIMAL,
        solve_time_ms=1.0,
        objective=0,
        bound=0,
        gap=0,
        points_per_purchase=0,
        most_meals=len(meals),
        meal_plan=meals,
        metrics=Metrics(
            expiring_ingredients_used=0,
            total_expiring_ingredients=0,
            shopping_items_count=0,
            variety_score=0.0,
            recipes_selected=len({meal.recipe_id for meal in meals}),
            waste_prevented=(),
            waste_prevented_share=0.0,
        ),
        explanation=(_REPLY,),
    )


class StubEngine:
    """One sentence, whatever is asked."""

    async def chat(
        self, request: ChatRequest, *, tenant_id: str | None = None
    ) -> AsyncGenerator[StreamEvent, None]:
        words = _REPLY.split(" ")
        head: dict[str, Any] = {"id": "chatcmpl-stub", "created": 0, "model": MODEL}
        if request.stream:
            for index, word in enumerate(words):
                delta = {"content": word if index == 0 else f" {word}"}
                yield Chunk(_chunk(head, delta, None))
            yield Chunk(_chunk(head, {}, "stop"))
        else:
            message = {"role": "assistant", "content": _REPLY}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 1, "completion_tokens": len(words)}
            usage["total_tokens"] = sum(usage.values())
            yield Completion(
                {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            )
        yield Usage(MODEL, 1, len(words), ("stop",))

    async def forget(self, tenant_id: str) -> None:
        pass

    async def models(self) -> Mapping[str, Any]:
        model = {"id": "stub-chat", "object": "model", "created": 0, "owned_by": "stub"}
        return {"object": "list", "data": [model]}

    async def state(self) -> EngineState:
        return EngineState("ok", "a stub")


def _chunk(head: Mapping[str, Any], delta: Mapping[str, Any], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({**head, "object": "chat.completion.chunk", "choices": [choice]})
