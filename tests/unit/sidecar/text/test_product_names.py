"""Abbreviations on receipts are expanded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.text.product_names import expand, product_key


@pytest.mark.parametrize(
    ("printed", "expanded"),
    [
        ("ORG WHL MLK 1GL", "organic whole milk 1 gallon"),
        ("BNLS/SKNLS CHKN BRST 2.5 LB", "boneless skinless chicken breast 2.5 pound"),
        ("PNT BTR CRNCHY 16.3OZ", "peanut butter crunchy 16.3 ounce"),
        ("V8 JCE 64 FL OZ", "v8 juice 64 fluid ounce"),
        ("MAC&CHS", "macaroni and cheese"),
        ("GRN ONN BNCH", "green onions bunch"),
        ("lrg eggs dz", "large eggs dozen"),
        ("WHT BRD", "white bread"),
        ("WHL WHT BRD", "whole wheat bread"),
    ],
)
def test_receipt_abbreviations_are_expanded(printed: str, expanded: str) -> None:
    assert expand(printed) == expanded


@pytest.mark.parametrize(
    ("name", "expanded"),
    [
        ("Baby Swiss", "baby swiss"),
        ("M&M's", "m&m's"),
        ("7UP", "7up"),
        ("Tom's Pots & Pans", "tom's pots & pans"),
        ("PORK BUTT", "pork butt"),
        ("חלב טרי", "חלב טרי"),
        ("हिन्दी दूध", "हिन्दी दूध"),
        ("🥛", "🥛"),
    ],
)
def test_names_without_abbreviations_keep_their_words(name: str, expanded: str) -> None:
    assert expand(name) == expanded


def test_abbreviations_that_are_also_words_are_expanded_only_on_receipts() -> None:
    assert expand("TOM SOUP") == "tomato soup"
    assert expand("Must Have Pots") == "must have pots"
    assert expand("org pots") == "organic potatoes"


def test_full_width_letters_and_control_characters_are_normalized() -> None:
    assert expand("ＭＬＫ\x00\u200f１ＧＬ") == "milk 1 gallon"


def test_the_product_key_omits_sizes_and_article_numbers() -> None:
    assert product_key("4011 BANANAS 2 LB") == "bananas"
    assert product_key("1GL") == "1 gallon"


@given(st.text(max_size=600))
def test_any_text_expands_to_lower_case_words_with_single_spaces(name: str) -> None:
    expanded = expand(name)
    assert expanded == " ".join(expanded.split())
    assert not any(c.isascii() and c.isupper() for c in expanded)
    assert bool(expanded) >= any(c.isalnum() for c in name)


@given(st.text(max_size=200))
def test_the_product_key_is_empty_only_when_the_expanded_name_is(name: str) -> None:
    assert product_key(name) != "" or expand(name) == ""
