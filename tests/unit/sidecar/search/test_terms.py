"""Words of a query find what they mean: other spellings, inflections and parts of compounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.search.terms import meant_words, words_of


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("kartofel", "kartoffel"),
        ("chiken", "chicken"),
        ("pomodoro", "pomodori"),
        ("kartoffel", "kartoffelsuppe"),
        ("яблоко", "яблоки"),
        ("zuchini", "zucchini"),
    ],
)
def test_a_word_stands_for_one_that_is_nearly_it(word: str, other: str) -> None:
    assert set(meant_words(word, [other, "zwiebel", "rice"])) == {other}


@pytest.mark.parametrize(("word", "other"), [("bean", "bear"), ("soup", "soap"), ("12", "13")])
def test_short_words_and_numbers_stand_for_themselves(word: str, other: str) -> None:
    assert meant_words(word, [other]) == {}


def test_accents_case_and_plural_do_not_matter() -> None:
    assert words_of("Crèmes brûlées") == words_of("CREME BRULEE")


def test_scripts_without_blanks_are_compared_by_pairs_of_characters() -> None:
    assert set(words_of("トマトスープ")) >= set(words_of("スープ"))


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=10), max_size=5))
def test_weights_are_between_0_and_1(text: str, vocabulary: list[str]) -> None:
    for word in words_of(text):
        assert all(0 < weight <= 1 for weight in meant_words(word, vocabulary).values())
