import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.core.errors import TooLarge
from sidecar.planning.schemas import PlanRequest, SuggestionRequest


def ingredient(**fields):
    return {"ingredient_id": "i", "name": "rice", "quantity": 1, "unit": "g", **fields}


def raw(**fields):
    return {
        "planning_horizon": {"start_date": "2026-01-12", "days": 2, "meal_types": ["dinner"]},
        "recipes": [{"id": "a", "name": "A", "ingredients": [ingredient()]}],
        **fields,
    }


def rejection(request) -> str:
    with pytest.raises(ValidationError) as caught:
        PlanRequest.model_validate(request)
    return str(caught.value)


@pytest.mark.parametrize(
    "quantity",
    [-1, 0, float("nan"), float("inf"), 1e308, "1e999999", "NaN", "1/0", "-1/2", [], True],
)
def test_quantities_that_are_not_positive_finite_numbers_are_rejected(quantity):
    recipes = [{"id": "a", "name": "A", "ingredients": [ingredient(quantity=quantity)]}]
    assert "quantity" in rejection(raw(recipes=recipes))
    assert "quantity" in rejection(raw(inventory=[ingredient(quantity=quantity)]))


def test_a_mixed_fraction_is_parsed():
    request = PlanRequest.model_validate(raw(inventory=[ingredient(quantity="1 1/2")]))
    assert request.inventory[0].quantity == 1.5


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"locked_meals": [{"date": "2026-01-12", "recipe_id": "zz"}]}, "zz"),
        ({"excluded_recipes": ["zz", "yy"]}, "yy, zz"),
        ({"excluded_recipes": ["a", "a"]}, "twice: a"),
        ({"excluded_ingredients": ["nuts", "nuts"]}, "twice: nuts"),
        ({"excluded_ingredients": [""]}, "excluded_ingredients"),
        (
            {"max_spending": 3},
            "doesn't know the constraint max_spending; it knows budget, courses, dietary",
        ),
        ({"allergies": ["nuts"]}, "constraint allergies; it knows excluded_ingredients"),
        ({"x" * 9_000: 1}, "x" * 60),
        ({"locked_meals": [{"date": "2026-02-01", "recipe_id": "a"}]}, "2026-02-01"),
        ({"time_budgets": {"2027-01-01": 30}}, "2027-01-01"),
        ({"time_budgets": {"2026-01-12": {"brunch": 30}}}, "brunch"),
        ({"locked_meals": [{"date": "2026-01-12", "recipe_id": "a"}] * 2}, "twice"),
    ],
)
def test_bad_constraints_are_named_in_the_error(constraints, message):
    assert message in rejection(raw(constraints=constraints))


def test_a_duplicate_recipe_id_is_named_in_the_error():
    recipe = {"id": "a", "name": "A", "ingredients": [ingredient()]}
    assert "recipe id appears twice: a" in rejection(raw(recipes=[recipe, recipe]))


def test_a_recipe_without_ingredients_is_rejected():
    assert "ingredients" in rejection(raw(recipes=[{"id": "a", "name": "A", "ingredients": []}]))


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weights_out_of_range_are_rejected(weight):
    assert "variety" in rejection(raw(weights={"variety": weight}))


def test_ten_thousand_recipes_are_too_large_and_the_limit_is_named():
    with pytest.raises(TooLarge, match="2000"):
        PlanRequest.model_validate(raw(recipes=[{}] * 10_000))


def test_a_meal_has_a_bounded_number_of_courses():
    courses = [f"course {number}" for number in range(17)]
    request = PlanRequest.model_validate(raw(constraints={"courses": {"dinner": courses[:16]}}))
    assert len(request.constraints.courses["dinner"]) == 16
    with pytest.raises(TooLarge, match="16 courses"):
        PlanRequest.model_validate(raw(constraints={"courses": {"dinner": courses}}))


def test_null_stands_for_the_default():
    request = PlanRequest.model_validate(raw(constraints=None, weights=None, inventory=None))
    assert request == PlanRequest.model_validate(raw())


def test_a_request_survives_serialization():
    request = PlanRequest.model_validate(
        raw(constraints={"time_budgets": {"2026-01-12": 30, "2026-01-13": {"dinner": 20}}})
    )
    assert PlanRequest.model_validate_json(request.model_dump_json()) == request


def test_tags_are_serialized_in_a_fixed_order():
    recipes = [
        {"id": "a", "name": "A", "ingredients": [ingredient()], "tags": ["vegan", "Quick", "thai"]}
    ]
    serialized = PlanRequest.model_validate(raw(recipes=recipes)).model_dump(mode="json")
    assert serialized["recipes"][0]["tags"] == ["quick", "thai", "vegan"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
FIELDS = ("planning_horizon", "inventory", "recipes", "constraints", "weights", "timeout_ms")


@given(st.sampled_from(FIELDS), json_values)
def test_any_json_in_any_field_is_accepted_or_rejected_but_never_crashes(field, value):
    try:
        PlanRequest.model_validate(raw(**{field: value}))
    except ValidationError:
        return  # any other exception fails the test


def test_cook_with_requires_an_ingredient():
    with pytest.raises(ValidationError, match="at least one"):
        SuggestionRequest.model_validate({"mode": "cook_with", "recipes": []})
