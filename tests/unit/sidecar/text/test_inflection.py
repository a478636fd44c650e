"""Forms of a word share a stem in their language."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.text.folding import fold
from sidecar.text.inflection import stems
from sidecar.text.lexicon import lexicon
from sidecar.text.taxonomy import language_codes

INFLECTED = language_codes() - {"ja", "zh"}


def stem(word: str, language: str) -> str:
    return next(stem for stem, languages in stems(fold(word)).items() if language in languages)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("cs", "jablko jablka jablek"),
        ("da", "nød nødder"),
        ("de", "Apfel Äpfel Äpfeln"),
        ("el", "πατάτα πατάτες πατατών"),
        ("en", "knife knives"),
        ("es", "nuez nueces"),
        ("fi", "omena omenat omenoita omenaa"),
        ("fr", "gâteau gâteaux"),
        ("hr", "krastavac krastavci"),
        ("hu", "körte körték körtét"),
        ("it", "arancia arance"),
        ("nb", "gulrot gulrøtter"),
        ("nl", "druif druiven"),
        ("pl", "bułka bułki bułek bułkami"),
        ("pt", "melão melões"),
        ("ro", "măr mere"),
        ("ru", "булка булки булок"),
        ("sk", "uhorka uhorky uhoriek"),
        ("sl", "krompir krompirja krompirji"),
        ("sv", "mandel mandlar"),
        ("tr", "yumurta yumurtalar"),
        ("uk", "огірок огірки огірків"),
    ],
)
def test_forms_of_a_word_share_a_stem(language: str, forms: str) -> None:
    assert len({stem(form, language) for form in forms.split()}) == 1


@given(st.text(max_size=20) | st.text("aenrsоыι", max_size=12))
def test_every_text_has_one_stem_in_each_language(text: str) -> None:
    counts = Counter(language for languages in stems(text).values() for language in languages)
    assert counts == dict.fromkeys(INFLECTED, 1)


def test_a_hint_leaves_one_key_and_without_it_the_languages_that_know_the_form_have_theirs() -> (
    None
):
    assert lexicon().inflection_keys("Kartoffeln", "de") == ["de kartoffel"]
    assert "de kartoffel" in lexicon().inflection_keys("Kartoffeln")
    assert {key[:2] for key in lexicon().inflection_keys("tomates")} >= {"es", "fr", "pt"}


@pytest.mark.parametrize("name", ["qwzxv", "", "牛乳", "🥛", "a b c d e f g h milk"])
def test_names_that_no_language_inflects_have_no_keys(name: str) -> None:
    assert lexicon().inflection_keys(name) == []


@given(st.text(max_size=40))
def test_any_text_has_keys_of_at_most_each_language(text: str) -> None:
    assert len(lexicon().inflection_keys(text)) <= len(INFLECTED)
