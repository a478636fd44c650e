"""A plan in the language model's words, held to the plan."""

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


def says(summary: str) -> EchoEngine:
    return EchoEngine(says=json.dumps({"summary": summary}))


async def test_what_the_model_says_is_the_summary() -> None:
    engine = says("A curry on Monday, with 1 purchase.")
    assert await summarize(engine, REQUEST, PLAN) == "A curry on Monday, with 1 purchase."
    [asked] = engine.asked
    assert all(fact in str(asked.messages[-1].content) for fact in PLAN.explanation)


async def test_it_ends_after_two_sentences() -> None:
    engine = says("A curry. It uses rice. Enjoy it!")
    assert await summarize(engine, REQUEST, PLAN) == "A curry. It uses rice."


@pytest.mark.parametrize("made_up", ["A curry for 12 people.", "A curry, and a salad."])
async def test_what_the_plan_does_not_say_is_not_shown(made_up: str) -> None:
    assert await summarize(says(made_up), REQUEST, PLAN) is None


def test_a_recipe_that_is_left_out_may_be_named_where_the_plan_names_it() -> None:
    assert is_grounded("No salad today.", ["The salad was left out."], ["salad"])
    assert not is_grounded("No salad today.", ["A curry."], ["salad"])


@pytest.mark.parametrize("cut_off", ['{"summary": "A cur', "{}", "[]", ""])
async def test_an_answer_that_was_cut_off_is_not_shown(cut_off: str) -> None:
    assert await summarize(EchoEngine(says=cut_off or " "), REQUEST, PLAN) is None


async def test_without_an_engine_the_plan_stands_for_itself() -> None:
    assert await summarize(EchoEngine(fails_with=ModelUnavailable()), REQUEST, PLAN) is None


async def test_without_a_plan_nothing_is_asked() -> None:
    engine = says("A curry.")
    empty = PLAN.model_copy(update={"meal_plan": ()})
    assert await summarize(engine, REQUEST, empty) is None
    assert engine.asked == []
