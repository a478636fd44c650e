"""Dishes that are cooked once and eaten again."""

from tests.unit.sidecar.planning.plans import MONDAY, RICE, TUESDAY, lot, plan, recipe, request


def test_a_dish_is_cooked_once_and_eaten_on_two_days():
    chili = recipe("chili", ("beans", 1, "kg"), keeps_days=2)
    answer = plan(request([chili], days=3, max_cooking_days=1))
    assert [(m.date, m.cooked_on) for m in answer.meal_plan] == [
        (MONDAY, None),
        (TUESDAY, MONDAY),
        ("2026-01-14", MONDAY),
    ]
    assert answer.meal_plan[0].also_for == (TUESDAY, "2026-01-14")
    assert answer.shopping_list[0].quantity == 3
    assert any("it is left over from Monday 2026-01-12" in s for s in answer.explanation)


def test_what_keeps_a_day_is_not_eaten_after_two():
    chili = recipe("chili", ("beans", 1, "kg"), keeps_days=1)
    answer = plan(request([chili], days=3, max_cooking_days=1, max_repeats=2))
    assert len(answer.meal_plan) == 2
    (gap,) = answer.open_slots
    assert "at most 1 day may be for cooking" in gap.reason
    assert "allow 2 days for cooking" in gap.relaxations


def test_what_freezes_keeps_as_long_as_the_plan():
    stew = recipe("stew", ("beans", 1, "kg"), freezes=True)
    answer = plan(request([stew], days=6, max_cooking_days=1))
    assert len(answer.meal_plan) == 6


def test_leftovers_use_what_was_at_home_on_their_cooking_day():
    pie = recipe("pie", ("spinach", 100, "g"), keeps_days=1)
    answer = plan(request([pie], [lot("spinach", 200, "g", expiry=0)], days=2))
    assert len(answer.meal_plan) == 2
    assert answer.shopping_list == ()


def test_what_is_left_of_a_dinner_is_eaten_at_lunch():
    roast = recipe("roast", RICE, keeps_days=1, tags=["dinner"])
    answer = plan(request([roast], days=2, meals=("lunch", "dinner"), no_cooking=[TUESDAY]))
    times = [(meal.date, meal.meal_type) for meal in answer.meal_plan]
    assert times == [(MONDAY, "dinner"), (TUESDAY, "lunch"), (TUESDAY, "dinner")]


def test_a_slot_without_leftovers_is_cooked_for():
    stew = recipe("stew", RICE, keeps_days=2)
    answer = plan(request([stew], days=2, max_repeats=2, no_leftovers=[{"weekdays": ["tuesday"]}]))
    assert [meal.cooked_on for meal in answer.meal_plan] == [None, None]


def test_a_lock_on_a_day_without_cooking_is_a_conflict():
    lock = {"date": MONDAY, "recipe_id": "stew"}
    answer = plan(request([recipe("stew", RICE)], locked_meals=[lock], no_cooking=[MONDAY]))
    assert answer.conflicts == ("This can't be met: nothing is cooked on 2026-01-12",)
    assert answer.conflict_sets[0].relaxations == ("allow cooking on 2026-01-12",)
