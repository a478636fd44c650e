"""People, courses, recurring meals, distances and substitutes, by examples."""

import json
import re
from pathlib import Path

import pytest

from bench.planner_households import household
from sidecar.planning.response import Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.solve import solve
from tests.unit.sidecar.planning.plans import (
    MONDAY,
    RICE,
    TUESDAY,
    lot,
    menu,
    plan,
    priced,
    recipe,
    request,
    served,
    with_people,
)


def test_one_dish_that_everybody_may_eat_is_shared():
    dishes = [
        recipe("curry", RICE, tags=["vegetarian"]),
        recipe("roast", ("beef", 1, "kg"), is_favorite=True),
    ]
    ada, ben = {"id": "ada"}, {"id": "ben", "required_tags": ["vegetarian"]}
    answer = plan(with_people(request(dishes), ada, ben))
    assert served(answer) == [("curry", ("ada", "ben"))]


def test_two_dishes_are_served_where_none_feeds_everybody():
    dishes = [recipe("roast", ("beef", 1, "kg")), recipe("tofu", ("tofu", 1, "kg"), tags=["vegan"])]
    ada, ben = {"id": "ada", "dislikes": ["tofu"]}, {"id": "ben", "required_tags": ["vegan"]}
    answer = plan(with_people(request(dishes), ada, ben))
    assert sorted(served(answer)) == [("roast", ("ada",)), ("tofu", ("ben",))]
    assert any("dinner for ben: tofu" in sentence for sentence in answer.explanation)


def test_who_gets_nothing_is_said_with_the_reason_and_what_would_help():
    ben = {"id": "ben", "name": "Ben", "excluded_ingredients": ["milk"]}
    answer = plan(with_people(request([recipe("gratin", ("cream", 1, "l"))]), {"id": "ada"}, ben))
    assert served(answer) == [("gratin", ("ada",))]
    (gap,) = answer.open_slots
    assert gap.people == ("ben",)
    assert gap.reason == ("Monday 2026-01-12 dinner stays open for Ben: Ben may not eat milk")
    assert gap.relaxations == ("let Ben have milk",)


def test_a_lock_that_nobody_may_eat_is_a_conflict_that_names_them():
    raw = request([recipe("gratin", ("cream", 1, "l"))])
    raw["constraints"] = {"locked_meals": [{"date": MONDAY, "recipe_id": "gratin"}]}
    answer = plan(with_people(raw, {"id": "b", "name": "Ben", "dislikes": ["cream"]}))
    assert answer.status is Status.INFEASIBLE
    assert "Ben dislikes cream" in answer.conflicts[0]


def test_quantities_follow_the_servings_of_those_who_are_there():
    raw = request([recipe("rice", ("rice", 200, "g"), servings=2)], days=2, max_repeats=2)
    ada = {"id": "ada", "servings": 1.5}
    ben = {"id": "ben", "absent": [TUESDAY]}
    guest = {"id": "guest", "present": [{"date": MONDAY, "meal_type": "dinner"}]}
    answer = plan(with_people(raw, ada, ben, guest))
    assert served(answer) == [("rice", ("ada", "ben", "guest")), ("rice", ("ada",))]
    assert answer.shopping_list[0].quantity == 100 * (1.5 + 1 + 1) + 100 * 1.5


def test_nobody_is_planned_for_while_everybody_is_away():
    raw = request([recipe("rice", RICE)], days=2, max_repeats=2)
    answer = plan(with_people(raw, {"id": "ada", "absent": [{"weekdays": ["monday"]}]}))
    assert [meal.date for meal in answer.meal_plan] == [TUESDAY]
    assert answer.open_slots == ()


def test_what_may_contain_a_wish_is_not_served_and_is_said():
    dishes = [recipe("porridge", ("oats", 1, "kg"), is_favorite=True), recipe("rice", RICE)]
    ben = {"id": "b", "name": "Ben", "excluded_ingredients": ["gluten"]}
    answer = plan(with_people(request(dishes), ben))
    assert menu(answer) == ["rice"]
    assert answer.warnings == ("oats may contain gluten; Ben gets nothing with it",)


def test_a_recurring_meal_has_its_tag():
    dishes = [recipe("stew", RICE, is_favorite=True), recipe("margherita", RICE, tags=["pizza"])]
    habit = {"weekdays": ["Tuesday"], "tag": "pizza"}
    answer = plan(request(dishes, days=2, recurring_meals=[habit]))
    assert menu(answer) == ["stew", "margherita"]
    assert any("a recipe tagged pizza is planned on Tuesdays" in s for s in answer.explanation)


def test_a_lock_against_a_recurring_meal_is_a_conflict():
    dishes = [recipe("stew", RICE), recipe("margherita", RICE, tags=["pizza"])]
    answer = plan(
        request(
            dishes,
            recurring_meals=[{"date": MONDAY, "recipe_id": "margherita"}],
            locked_meals=[{"date": MONDAY, "recipe_id": "stew"}],
        )
    )
    assert "margherita is planned on 2026-01-12" in answer.conflicts[0]


def test_a_main_and_a_side_are_planned_by_their_tags():
    dishes = [
        recipe("roast", RICE, tags=["main"]),
        recipe("salad", RICE, tags=["side"]),
        recipe("gratin", RICE, tags=["main", "side"], is_favorite=True),
    ]
    answer = plan(request(dishes, courses={"dinner": ["main", "side"]}))
    courses = {meal.course: meal.recipe_id for meal in answer.meal_plan}
    assert set(courses) == {"main", "side"}
    assert sorted(courses.values()) in (["gratin", "roast"], ["gratin", "salad"])


def test_repeats_keep_their_distance():
    dishes = [recipe(name, (name, 1, "kg")) for name in "abc"]
    answer = plan(request(dishes, days=6, max_repeats=2, min_days_between_repeats=3))
    chosen = menu(answer)
    assert len(chosen) == 6
    assert all(chosen[day] not in chosen[day + 1 : day + 3] for day in range(6))


def test_two_locks_too_near_to_each_other_are_a_conflict():
    locks = [{"date": day, "recipe_id": "a"} for day in (MONDAY, TUESDAY)]
    raw = request([recipe("a", RICE)], days=2, max_repeats=2, locked_meals=locks)
    raw["constraints"]["min_days_between_repeats"] = 2
    answer = plan(raw)
    assert "a recipe is cooked again after 2 days at the earliest" in answer.conflicts[0]


MARGARINE = {"ingredient_id": "margarine", "name": "Margarine", "instead_of": "butter"}


def test_a_substitute_at_home_saves_a_purchase():
    dish = recipe("cake", ("butter", 100, "g"), ("flour", 1, "kg"))
    stock = [lot("margarine", 100, "g"), lot("flour", 1, "kg")]
    answer = plan({**request([dish], stock), "substitutes": [{**MARGARINE, "ratio": 0.9}]})
    (used,) = answer.meal_plan[0].substitutes
    assert (used.instead_of, used.ingredient_id) == ("butter", "margarine")
    assert used.reason == "it saves buying butter"
    assert answer.shopping_list == ()
    assert "Use Margarine instead of butter in cake: it saves buying butter." in answer.explanation


def test_a_substitute_is_not_used_where_it_saves_nothing():
    dish = recipe("cake", ("butter", 100, "g"))
    stock = [lot("margarine", 100, "g"), lot("butter", 100, "g")]
    answer = plan({**request([dish], stock), "substitutes": [MARGARINE]})
    assert answer.meal_plan[0].substitutes == ()


def test_a_substitute_lets_somebody_eat_a_dish_they_otherwise_may_not():
    raw = request([recipe("mash", ("butter", 100, "g"))])
    ben = {"id": "b", "name": "Ben", "excluded_ingredients": ["milk"]}
    oil = {"ingredient_id": "oil", "name": "Oil", "instead_of": "butter", "penalty": 1}
    answer = plan(with_people(raw, ben, substitutes=[oil]))
    (used,) = answer.meal_plan[0].substitutes
    assert used.reason == "Ben may not eat milk"
    assert [item.ingredient_id for item in answer.shopping_list] == ["oil"]


def test_a_substitute_keeps_a_budget():
    dish = recipe("toast", ("butter", 100, "g"))
    dish["ingredients"][0].update(price="9.00", price_quantity=100)
    cheap = {**MARGARINE, "price": "1.00", "price_quantity": 100}
    answer = plan({**request([dish], budget="2"), "substitutes": [cheap]})
    assert answer.meal_plan[0].substitutes[0].reason in (
        "it saves 8.00",
        "it saves buying butter",
    )
    assert answer.metrics.cost.total == "1.00"


def test_versions_of_a_recipe_share_its_repeats():
    dish = recipe("cake", ("butter", 100, "g"))
    raw = request([dish], [lot("margarine", 100, "g"), lot("butter", 100, "g")], days=2)
    answer = plan({**raw, "substitutes": [{**MARGARINE, "penalty": 0}]})
    assert len(answer.meal_plan) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"people": [{"id": "a"}, {"id": "a"}]}, "person id appears twice: a"),
        ({"people": [{"id": "a", "allergic": ["x"]}]}, "doesn't know the field of a person allerg"),
        ({"people": [{"id": "a", "servings": 0}]}, "people.0.servings"),
        ({"people": [{"id": "a", "servings": float("nan")}]}, "people.0.servings"),
        ({"people": [{"id": "a", "servings": 1e300}]}, "people.0.servings"),
        ({"people": [{"id": "a", "absent": [{"weekdays": ["someday"]}]}]}, "weekdays"),
        (
            {"people": [{"id": "a", "absent": [{"day": "2026-01-12"}]}]},
            "doesn't know the field day",
        ),
        ({"people": [{"id": "a", "absent": [{"meal_type": "dinner"}]}]}, "nobody in people"),
        ({"people": [{"id": "a"}], "constraints": {"servings": 2}}, "not both"),
        ({"currency": "euro"}, "currency"),
        ({"constraints": {"budget": -1}}, "budget"),
        ({"constraints": {"budget": "1e400"}}, "budget"),
        ({"constraints": {"budget": "NaN"}}, "budget"),
        ({"constraints": {"min_days_between_repeats": 32}}, "min_days_between_repeats"),
        ({"constraints": {"recurring_meals": [{"tag": "x", "recipe_id": "a"}]}}, "not both"),
        ({"constraints": {"recurring_meals": [{"recipe_id": "zz"}]}}, "not in the request: zz"),
        ({"constraints": {"recurring_meals": [{"tag": "x", "course": "soup"}]}}, "soup"),
        ({"constraints": {"nutrition": [{"nutrient": "iron", "max": 1}]}}, "nutrient"),
        ({"constraints": {"nutrition": [{"nutrient": "kcal"}]}}, "a min or a max"),
        ({"constraints": {"nutrition": [{"nutrient": "fat", "min": 2, "max": 1}]}}, "above max"),
        ({"constraints": {"nutrition": [{"nutrient": "fat", "max": 1e300}]}}, "max"),
        (
            {"constraints": {"nutrition": [{"nutrient": "fat", "max": 9, "person": "x"}]}},
            "person: x",
        ),
        ({"constraints": {"nutrition": [{"nutrient": "fat", "maximum": 9}]}}, "maximum"),
        ({"recipes": [recipe("a", RICE, nutrition={"iron": 1})]}, "doesn't know the nutrient iron"),
        ({"recipes": [recipe("a", RICE, nutrition={"kcal": float("nan")})]}, "kcal"),
        ({"substitutes": [{"ingredient_id": "a", "instead_of": "a"}]}, "own substitute"),
        ({"substitutes": [{"ingredient_id": "b", "instead_of": "a", "ratio": 0}]}, "ratio"),
        ({"substitutes": [{"ingredient_id": "b", "instead_of": "a", "recipe_id": "z"}]}, "z"),
        ({"substitutes": [{"ingredient_id": "b", "instead_of": "a"}] * 2}, "twice"),
        ({"constraints": {"max_cooking_days": -1}}, "max_cooking_days"),
        ({"constraints": {"no_cooking": ["tomorrow"]}}, "no_cooking"),
        ({"recipes": [recipe("a", RICE, keeps_days=32)]}, "keeps_days"),
        ({"constraints": {"courses": {"brunch": ["main"]}}}, "brunch"),
        ({"constraints": {"courses": {"dinner": []}}}, "courses"),
    ],
)
def test_a_bad_household_is_refused_with_its_reason(fields, message):
    raw = {**request([recipe("a", RICE)]), **fields}
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        PlanRequest.model_validate(raw)


@pytest.mark.parametrize("seed", range(20))
def test_a_household_survives_serialization(seed):
    parsed = PlanRequest.model_validate(household(seed))
    assert PlanRequest.model_validate_json(parsed.model_dump_json()) == parsed
    as_sent = parsed.model_dump(mode="json", exclude_unset=True)  # as jobs store it
    assert PlanRequest.model_validate(as_sent) == parsed


def test_a_household_is_solved_alike_each_time():
    raw = with_people(
        request([priced(str(n), 100, f"{n}.50") for n in range(1, 7)], days=4, budget="12"),
        {"id": "ada"},
        {"id": "ben", "dislikes": ["3"]},
    )
    parsed = PlanRequest.model_validate(raw)
    first, second = (solve(parsed, clock=lambda: 0.0).wire() for _ in range(2))
    assert first == second
    assert first["status"] == "optimal"


def test_the_example_of_the_documentation_is_as_the_documentation_says():
    page = Path(__file__).parents[4] / "docs" / "meal-plans.md"
    text = page.read_text("utf-8")
    raw = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))
    shown = re.findall(r"^(2026-\S+)  (.*?) +feeds (.*)$", text, re.MULTILINE)
    answer = plan(raw)
    planned = [(m.date, m.recipe_name, ", ".join(m.feeds)) for m in answer.meal_plan]
    assert sorted(planned) == sorted(shown)
    cost = answer.metrics.cost
    assert f"total {cost.total} EUR, per_person_and_meal {cost.per_person_and_meal}" in text
    raw["recipes"] = [recipe for recipe in raw["recipes"] if recipe["id"] != "risotto"]
    (gap,) = plan(raw).open_slots
    assert f"> {gap.reason}\n" in text
