"""Names and labels of all languages are looked up."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.array_store import load_arrays, save_arrays
from sidecar.text.lexicon import Lexicon, compile_lexicon, lexicon
from sidecar.text.taxonomy import CATCH_ALL, languages, taxonomy


@pytest.mark.parametrize(
    ("name", "subcategory"),
    [
        ("milk", "milk"),
        ("Äpfel", "apples"),
        ("AEPFEL", "apples"),
        ("молоко", "milk"),
        ("リンゴ", "apples"),
        ("りんご", "apples"),
        ("γάλα", "milk"),
        ("dahi", "yogurt"),
        ("आटा", "flour, sugar and baking ingredients"),
        ("aloo", "potatoes"),
        ("خبز", "tortillas and flatbread"),
        ("계란", "eggs"),
        ("кисело мляко", "yogurt"),
        ("bawang putih", "onions and garlic"),
    ],
)
def test_a_product_is_found_however_it_is_written(name: str, subcategory: str) -> None:
    assert lexicon().product(name) == {subcategory: 1.0}


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("Produce", "produce"),
        ("Fruits & Vegetables", "produce"),
        ("DAIRY AND EGGS", "dairy"),
        ("cleaning-supplies", "cleaning"),
        ("Misc.", CATCH_ALL),
        ("Obst und Gemüse", "produce"),
        ("Produits laitiers", "dairy"),
        ("Напитки", "beverages"),
        ("冷凍食品", "frozen"),
    ],
)
def test_a_label_is_found_in_every_language(label: str, meaning: str) -> None:
    assert lexicon().label(label) == meaning


@pytest.mark.parametrize("label", ["Taco night", "🥛", "", "რძე"])
def test_an_unknown_label_has_no_meaning(label: str) -> None:
    assert lexicon().label(label) is None
    assert lexicon().product(label) == {}


def test_the_language_settles_a_name_of_several_languages() -> None:
    assert len(lexicon().product("pate")) > 1
    assert lexicon().product("pate", "xx") == lexicon().product("pate")
    for language in ("fr", "en"):
        assert len(lexicon().product("pate", language)) == 1


def test_a_form_of_another_languages_word_is_no_name_of_a_language_with_few() -> None:
    assert not lexicon().product("bun")  # one of buns
    assert set(lexicon().product("bún", "vi")) == {"asian cooking"}


def test_words_of_products_are_known() -> None:
    assert lexicon().languages_of("milk")
    assert lexicon().languages_of("milk") & lexicon().languages_of("soup")
    assert not lexicon().languages_of("qwzx")


def test_a_stored_lexicon_is_read_and_a_damaged_one_replaced(tmp_path: Path) -> None:
    arrays = compile_lexicon(taxonomy(), {"en": languages()["en"]})
    save_arrays("names", [tmp_path / "new"], arrays)
    stored = load_arrays("names", [tmp_path / "none", tmp_path / "new"])
    assert stored is not None
    assert Lexicon(stored, taxonomy().names).product("milk") == {"milk": 1.0}
    file = tmp_path / "new" / "names.npz"
    file.write_bytes(file.read_bytes()[:1000])
    assert load_arrays("names", [tmp_path / "new"]) is None
    save_arrays("names", [tmp_path / "new"], arrays)
    again = load_arrays("names", [tmp_path / "new"])
    assert again is not None
    assert np.array_equal(again["words.keys"], arrays["words.keys"])


def test_a_folder_that_is_not_writable_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    save_arrays("a", [tmp_path / "file", tmp_path / "folder"], {"x": np.zeros(2)})
    assert load_arrays("a", [tmp_path / "folder"]) is not None


@given(st.text(max_size=50))
def test_any_text_can_be_looked_up(text: str) -> None:
    assert sum(lexicon().product(text).values()) in (0, pytest.approx(1))
    lexicon().label(text)
