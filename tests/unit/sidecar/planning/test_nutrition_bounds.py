"""Bounds on what people eat, hard and soft."""

from sidecar.planning.response import Status
from tests.unit.sidecar.planning.plans import RICE, menu, plan, recipe, request, served, with_people


def eaten(name, kcal, **fields):
    return recipe(name, (name, 100, "g"), nutrition={"kcal": kcal, **fields})


def test_a_maximum_rules_out_what_exceeds_it():
    dishes = [{**eaten("burger", 1_200), "is_favorite": True}, eaten("salad", 400)]
    answer = plan(request(dishes, nutrition=[{"nutrient": "kcal", "max": 800}]))
    assert menu(answer) == ["salad"]
    assert answer.nutrition[0].sums == {"kcal": 400}


def test_a_minimum_is_reached_where_every_meal_of_the_day_is_planned():
    dishes = [{**eaten("salad", 300), "is_favorite": True}, eaten("stew", 700), eaten("soup", 400)]
    bound = {"nutrient": "kcal", "min": 1_050}
    answer = plan(request(dishes, meals=("lunch", "dinner"), nutrition=[bound]))
    assert "stew" in menu(answer)
    assert answer.nutrition[0].sums["kcal"] >= 1_050


def test_a_minimum_that_nothing_reaches_leaves_a_meal_open_and_is_named():
    bound = {"nutrient": "protein", "min": 30}
    dishes = [eaten("salad", 300, protein=5)]
    answer = plan(request(dishes, nutrition=[bound]))
    assert answer.status is Status.INFEASIBLE
    assert answer.conflicts == ("This can't be met: everybody has at least 30 g of protein a day",)


def test_a_soft_bound_is_a_goal():
    dishes = [{**eaten("burger", 1_200), "is_favorite": True}, eaten("salad", 400)]
    bound = {"nutrient": "kcal", "max": 800, "soft": True}
    assert menu(plan(request(dishes, nutrition=[bound]))) == ["salad"]
    assert menu(plan(request(dishes[:1], nutrition=[bound]))) == ["burger"]


def test_a_bound_of_one_person_counts_their_servings():
    dishes = [{**eaten("roast", 1_000), "is_favorite": True}, eaten("bowl", 500)]
    bound = {"nutrient": "kcal", "max": 800, "person": "kid"}
    kid = {"id": "kid", "name": "Kid", "servings": 0.5}
    answer = plan(with_people(request(dishes, nutrition=[bound]), {"id": "ada"}, kid))
    assert served(answer) == [("roast", ("ada", "kid"))]
    assert [(n.person, n.sums["kcal"]) for n in answer.nutrition] == [("ada", 1_000), ("kid", 500)]


def test_a_week_counts_for_the_days_that_are_planned():
    bound = {"nutrient": "kcal", "max": 7 * 500, "per": "week"}
    dishes = [{**eaten("burger", 1_200), "is_favorite": True}, eaten("salad", 400)]
    answer = plan(request(dishes, days=2, max_repeats=2, nutrition=[bound]))
    assert menu(answer) == ["salad", "salad"]


def test_sums_say_how_many_meals_they_rest_on():
    dishes = [eaten("stew", 700, salt=2.5), recipe("rice", RICE)]
    answer = plan(request(dishes, meals=("lunch", "dinner")))
    (day,) = answer.nutrition
    assert (day.meals, day.known) == (2, {"kcal": 1, "salt": 1})
    assert day.sums == {"kcal": 700, "salt": 2.5}
