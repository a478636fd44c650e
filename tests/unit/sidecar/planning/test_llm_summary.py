import json

import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.planning.llm_summary import is_grounded, summarize
from sidecar.planning.response import PlanAnswer, Status
from sidecar.planning.schemas import PlanRequest
from tests.unit.sidecar.llm.echo_engine import EchoEngine
from tests.unit.sidecar.planning.requests import ingredient, recipe, request

REQUEST = PlanRequest.model_validate(
    request([recipe("curry", ingredient("rice", 100)), recipe("salad")])
)
MEAL = {"date": "2026-01-12", "day_index": 0, "meal_type": "dinner"}
PLAN = PlanAnswer.model_validate(
    {
        "status": Status.OPTIMAL,
        "solve_time_ms": 12.0,
        "points_per_purchase": 300,
        "meal_plan": [{**MEAL, "recipe_id": "curry", "recipe_name": "curry"}],
        "explanation": ["1 meal with 1 purchase.", "Dinner on Monday: curry, for it uses rice."],
    }
)


def engine_replying(summary: str) -> EchoEngine:
    return EchoEngine(reply=json.dumps({"summary": summary}))


async def test_the_engine_gets_the_explanation_and_its_text_is_the_summary() -> None:
    engine = engine_replying("A curry on Monday, with 1 purchase.")
    assert await summarize(engine, REQUEST, PLAN) == "A curry on Monday, with 1 purchase."
    [chat_request] = engine.requests
    assert all(fact in str(chat_request.messages[-1].content) for fact in PLAN.explanation)


async def test_the_summary_ends_after_two_sentences() -> None:
    engine = engine_replying("A curry. It uses rice. Enjoy it!")
    assert await summarize(engine, REQUEST, PLAN) == "A curry. It uses rice."


@pytest.mark.parametrize("made_up", ["A curry for 12 people.", "A curry, and a salad."])
async def test_a_summary_with_facts_that_are_not_in_the_plan_is_dropped(made_up: str) -> None:
    assert await summarize(engine_replying(made_up), REQUEST, PLAN) is None


def test_an_unplanned_recipe_may_be_named_if_the_explanation_names_it() -> None:
    assert is_grounded("No salad today.", ["The salad was left out."], ["salad"])
    assert not is_grounded("No salad today.", ["A curry."], ["salad"])


@pytest.mark.parametrize("cut_off", ['{"summary": "A cur', "{}", "[]", ""])
async def test_a_truncated_reply_gives_no_summary(cut_off: str) -> None:
    assert await summarize(EchoEngine(reply=cut_off or " "), REQUEST, PLAN) is None


async def test_without_an_engine_there_is_no_summary() -> None:
    assert await summarize(EchoEngine(fails_with=ModelUnavailable()), REQUEST, PLAN) is None


async def test_without_meals_the_engine_is_not_called() -> None:
    engine = engine_replying("A curry.")
    empty = PLAN.model_copy(update={"meal_plan": ()})
    assert await summarize(engine, REQUEST, empty) is None
    assert engine.requests == []
