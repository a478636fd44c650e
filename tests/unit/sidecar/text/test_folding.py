"""Different spellings of a name fold to the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.text.folding import fold, words


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("Crème Brûlée", "creme  BRULEE"),
        ("m\u200bilk", "milk"),
        ("Süßrahmbutter", "SUSSRAHMBUTTER"),
        ("ŁOSOŚ", "łosoś"),
        ("İÇECEK", "içecek"),
        ("γάλα", "ΓΑΛΑ"),
        ("にんじん", "ニンジン"),
        ("ﾆﾝｼﾞﾝ", "ニンジン"),
        ("ﬁlet", "FILET"),
    ],
)
def test_spellings_of_a_name_are_equal(spelling: str, other: str) -> None:
    assert fold(spelling) == fold(other)


def test_marks_that_make_another_letter_stay() -> None:
    assert fold("й") != fold("и")
    assert fold("が") != fold("か")


def test_words_are_runs_of_letters() -> None:
    assert words("Hähnchen-Brust 500g, 2er-Pack") == ["hahnchen", "brust", "g", "er", "pack"]


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
