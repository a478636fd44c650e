import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.planning.allergens import match_ingredient

SURE = [
    ("nuts", "Peanut butter"), ("nuts", "Haselnüsse"), ("nuts", "Amandes effilées"),
    ("tree nuts", "Cashews"), ("peanuts", "Groundnut oil"), ("gluten", "Plain flour"),
    ("gluten", "Soy sauce"), ("gluten", "Weizenmehl"), ("gluten", "Pâtes fraîches"),
    ("gluten", "Makaron penne"), ("milk", "Butter"), ("dairy", "Crème fraîche"),
    ("milk", "Vollmilch"), ("milk", "Śmietana 18%"), ("lactose", "Mozzarella"),
    ("egg", "Eggs, large"), ("Eier", "Œufs"), ("egg", "Mayonnaise"),
    ("fish", "Worcestershire sauce"), ("fish", "Smoked salmon"), ("fish", "Łosoś"),
    ("shellfish", "King prawns"), ("shellfish", "Miesmuscheln"), ("crustaceans", "Gambas"),
    ("molluscs", "Calamari"), ("soy", "Tofu"), ("sesame", "Tahini"), ("sesame", "Hummus"),
    ("celery", "Knollensellerie"), ("mustard", "Dijon"), ("lupin", "Lupin flour"),
    ("sulphites", "White wine"), ("chicken", "chicken breasts"), ("tomatoes", "cherry tomato"),
]  # fmt: skip
UNSURE = [
    ("gluten", "Rolled oats"), ("celery", "Vegetable broth"), ("milk", "Dark chocolate"),
    ("nuts", "Pesto"), ("corn", "Cornstarch"), ("egg", "Fresh pasta"), ("mustard", "Curry powder"),
]  # fmt: skip
NONE = [
    ("nuts", "Coconut milk"), ("nuts", "Nutmeg"), ("nuts", "Butternut squash"),
    ("nuts", "Muskatnuss"), ("tree nuts", "Peanuts"), ("gluten", "Rice flour"),
    ("gluten", "Buckwheat"), ("gluten", "Gluten-free pasta"), ("gluten", "Reismehl"),
    ("milk", "Oat milk"), ("milk", "Peanut butter"), ("milk", "Kokosmilch"),
    ("milk", "Vegan cheese"),
    ("milk", "Cream of tartar"), ("egg", "Eggplant"), ("fish", "Cuttlefish"),
    ("fish", "Tintenfisch"), ("shellfish", "Oyster mushrooms"),
    ("ham", "Graham crackers"), ("peas", "Pearl barley"), ("soy", "Sesame oil"),
]  # fmt: skip


@pytest.mark.parametrize(("wish", "name"), SURE)
def test_foods_of_a_group_and_of_a_name_are_matched(wish, name):
    match = match_ingredient(wish, "id", name)
    assert match is not None
    assert match.sure


@pytest.mark.parametrize(("wish", "name"), UNSURE)
def test_foods_that_often_contain_it_are_matched_as_unsure(wish, name):
    match = match_ingredient(wish, "id", name)
    assert match is not None
    assert not match.sure


@pytest.mark.parametrize(("wish", "name"), NONE)
def test_foods_that_only_sound_alike_are_not_matched(wish, name):
    assert match_ingredient(wish, "id", name) is None


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("milk", "mjölk"),
        ("milk", "vispgrädde"),
        ("mjölk", "smör"),
        ("laktoosi", "maito"),
        ("egg", "ägg"),
        ("яйця", "яйця"),
        ("fish", "lohi"),
        ("דגים", "סלמון"),
        ("peanuts", "арахис"),
        ("milk", "दही"),
        ("卵", "たまご"),
    ],
)
def test_foods_in_more_languages_are_matched(wish, name):
    assert match_ingredient(wish, "", name) is not None


@pytest.mark.parametrize(("wish", "name"), [("milk", "havremjölk"), ("fish", "socker")])
def test_other_foods_in_more_languages_are_not(wish, name):
    assert match_ingredient(wish, "", name) is None


def test_an_id_matches_whatever_the_name():
    assert match_ingredient("i-7", "i-7", "Saffron") is not None
    assert match_ingredient("i-7", "i-8", "Saffron") is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_matched_or_not_but_never_raises(wish, name):
    match_ingredient(wish, "id", name)


@given(st.text(min_size=1, max_size=40))
def test_a_name_covers_itself(name):
    folded = match_ingredient(name, "id", name)
    assert folded is not None or not any(letter.isalnum() for letter in name)
