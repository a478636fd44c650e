"""Nutrients of foods by their names, and the command that makes the table."""

import csv

import pytest

from sidecar.ingredients import nutrition_table
from sidecar.ingredients.nutrients import NUTRIENTS, find_food, foods, nutrients_of


@pytest.mark.parametrize(
    ("name", "usda"),
    [
        ("red onions", "Onions, raw"),
        ("Zwiebeln", "Onions, raw"),
        ("pommes de terre", "Potatoes, flesh and skin, raw"),
        ("ser żółty", "Cheese, cheddar"),
        ("Olijfolie", "Oil, olive, salad or cooking"),
        ("peanut butter", "Peanut butter"),
        ("smør", "Butter, stick"),  # by the taxonomy, as the next
        ("картофель", "Potatoes, flesh and skin, raw"),
    ],
)
def test_foods_are_known_in_many_languages(name, usda):
    assert find_food(name).usda == usda


@pytest.mark.parametrize("name", ["tomato soup", "gluten-free flour", "unicorn", "", "shampoo"])
def test_other_foods_are_unknown(name):
    assert find_food(name) is None


@pytest.mark.parametrize(
    ("name", "quantity", "unit", "kcal"),
    [
        ("butter", 100, "g", 743),
        ("Eier", 2, "", 143),
        ("garlic", 2, "cloves", 11),
        ("Milch", 0.5, "l", 314),
        ("olive oil", 1, "EL", 120),
    ],
)
def test_kcal_of_amounts(name, quantity, unit, kcal):
    assert float(nutrients_of(name, quantity, unit)["kcal"]) == pytest.approx(kcal, rel=0.05)


@pytest.mark.parametrize(("name", "unit"), [("unicorn", "g"), ("rice", "bags"), ("flour", "")])
def test_an_unknown_food_or_weight_is_none(name, unit):
    assert nutrients_of(name, 1, unit) is None


def test_energy_is_about_that_of_its_parts():
    """Atwater factors; alcohol and acids have others."""
    for food in foods():
        values = nutrients_of(" ".join(food.names[0]), 100, "g")
        parts = 4 * values["protein"] + 9 * values["fat"] + 4 * values["carbohydrate"]
        if not any(
            word in food.usda for word in ("Wine", "Spices", "Vinegar", "Cocoa", "baking powder")
        ):
            assert float(values["kcal"]) == pytest.approx(float(parts), rel=0.25, abs=20), food.usda


def test_the_command_takes_the_first_source_that_has_a_value(tmp_path):
    source, target = tmp_path / "source.csv", tmp_path / "target.csv"
    columns = [
        "foodName",
        "data_type",
        *(c for cs in nutrition_table._COLUMNS.values() for c in cs),
    ]
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for food in {food.usda for food in foods()}:
            writer.writerow({"foodName": food, "data_type": "branded_food", "Energy": "1"})
            writer.writerow({"foodName": food, "data_type": "sr_legacy_food", "Energy": "2"})
            writer.writerow(
                {"foodName": food, "data_type": "survey_fndds_food", "Energy": "", "Sodium": "400"}
            )
    nutrition_table.main(source, target)
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines()))
    assert list(rows[0]) == ["usda", *NUTRIENTS]
    assert {(row["kcal"], row["salt"], row["fat"]) for row in rows} == {("2", "1", "")}


def test_the_command_names_what_is_missing(tmp_path):
    source = tmp_path / "source.csv"
    source.write_text("foodName,data_type,Energy\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="Onions, raw"):
        nutrition_table.main(source, tmp_path / "target.csv")
