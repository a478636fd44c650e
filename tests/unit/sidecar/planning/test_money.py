"""Prices, packages and budgets."""

import pytest

from sidecar.planning.response import Status
from tests.unit.sidecar.planning.plans import RICE, lot, menu, plan, priced, recipe, request


def test_a_budget_is_kept_and_the_cost_is_shown():
    dishes = [
        {**priced("steak", 500, "14.00"), "is_favorite": True},
        priced("beans", 500, "1.20"),
    ]
    answer = plan({**request(dishes, budget="5"), "currency": "EUR"})
    assert menu(answer) == ["beans"]
    assert answer.metrics.cost.total == "1.20"
    assert answer.metrics.cost.currency == "EUR"
    assert answer.shopping_list[0].price == "1.20"


def test_a_budget_that_nothing_fits_is_a_conflict_with_the_smallest_that_helps():
    answer = plan({**request([priced("beans", 500, "1.20")], budget="1"), "currency": "EUR"})
    assert answer.status is Status.INFEASIBLE
    (conflict,) = answer.conflict_sets
    assert conflict.constraints == ("the shopping may cost at most 1.00 EUR",)
    assert conflict.relaxations == ("allow 1.20 EUR for the shopping",)


@pytest.mark.parametrize(
    ("currency", "price", "shown"),
    [("JPY", "198", "198"), ("KWD", "2.370", "2.370"), ("EUR", "1.2", "1.20"), (None, "3", "3.00")],
)
def test_amounts_have_the_decimals_of_their_currency(currency, price, shown):
    answer = plan({**request([priced("beans", 500, price)]), "currency": currency})
    assert (answer.metrics.cost.total, answer.shopping_list[0].price) == (shown, shown)
    below = {**request([priced("beans", 500, price)], budget="0.5"), "currency": currency}
    (conflict,) = plan(below).conflict_sets
    unit = f" {currency}" if currency else ""
    assert conflict.relaxations == (f"allow {shown}{unit} for the shopping",)


def test_the_weight_of_cost_prefers_what_is_cheap():
    dishes = [{**priced("steak", 500, "14"), "is_favorite": True}, priced("beans", 500, "1.20")]
    assert menu(plan(request(dishes, weights={"cost": 0}))) == ["steak"]
    assert menu(plan(request(dishes, weights={"cost": 1}))) == ["beans"]


def test_packages_are_bought_whole_and_their_rest_is_used():
    dishes = [
        priced("soup", 300, "0.90", package_quantity=500),
        {**priced("mash", 200, "0.60", package_quantity=500)},
    ]
    for dish in dishes:
        dish["ingredients"][0].update(ingredient_id="potato", name="Potato")
    answer = plan(request(dishes, days=1))
    (item,) = answer.shopping_list
    assert (item.quantity, item.price) == (500, "1.50")
    assert item.rest in (200, 300)
    (both,) = plan(request(dishes, days=2)).shopping_list
    assert (both.quantity, both.rest, both.price) == (500, 0, "1.50")


def test_the_value_of_food_used_in_time_is_shown():
    stock = {**lot("spinach", 200, "g", expiry=1), "price": "2.00", "price_quantity": 100}
    answer = plan(request([recipe("pie", ("spinach", 150, "g"))], [stock]))
    assert answer.metrics.value_saved == "3.00"
    assert answer.metrics.waste_prevented[0].value == "3.00"


def test_purchases_without_a_price_are_named():
    answer = plan(request([recipe("a", RICE), priced("b", 1, "1")], days=2))
    assert answer.metrics.cost.unpriced == ("rice",)
