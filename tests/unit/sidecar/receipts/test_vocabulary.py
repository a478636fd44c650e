"""Meanings of printed words, in the languages of data/vocabulary.toml."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.roles.tokens import JOINED
from sidecar.receipts.roles.vocabulary import MEANINGS, phrases_in
from sidecar.receipts.word_lists import load
from tests.unit.sidecar.receipts.annotated import tokenized


def meanings(line: str) -> set[str]:
    return {MEANINGS[phrase.meaning] for phrase in phrases_in([fold(w) for w in line.split()])}


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("BALANCE DUE", "total"),
        ("Zu zahlen", "total"),
        ("À payer", "total"),
        ("Att betala", "total"),
        ("Yhteensä", "total"),
        ("DO ZAPŁATY", "total"),
        ("Mokėti", "total"),
        ("TOPLAM", "total"),
        ("ΣΥΝΟΛΟ", "total"),
        ("ИТОГО", "total"),
        ("合計", "total"),
        ("Tổng cộng", "total"),
        ("Delsum", "subtotal"),
        ("小計", "subtotal"),
        ("MwSt", "tax"),
        ("TOPKDV", "tax"),
        ("Øreavrunding", "rounding"),
        ("GOTÓWKA", "cash"),
        ("お預り", "cash"),
        ("Rückgeld", "change"),
        ("KEMBALI", "change"),
        ("Zľava", "discount"),
        ("İNDİRİM", "discount"),
        ("Pfand", "deposit"),
    ],
)
def test_a_word_of_a_till_has_its_meaning(line: str, meaning: str) -> None:
    assert meaning in meanings(line)


def test_a_phrase_needs_all_its_words_in_order() -> None:
    assert "total" in meanings("balance due")
    assert "total" not in meanings("due balance of milk")


def test_the_longest_of_overlapping_phrases_is_found() -> None:
    words = ["grand", "total"]
    total = MEANINGS.index("total")
    assert [(p.start, p.end) for p in phrases_in(words) if p.meaning == total] == [(0, 2)]


def test_groceries_have_no_meaning_of_sums() -> None:
    sums = {"total", "subtotal", "cash", "change", "rounding"}
    for line in ("BANANAS", "ORANGE JUICE", "Vollmilch", "Knäckebröd", "牛乳", "Yoğurt"):
        assert not meanings(line) & sums, line


@pytest.mark.parametrize("meaning", MEANINGS)
def test_every_entry_of_the_list_is_found_as_printed(meaning: str) -> None:
    for language, entries in load("vocabulary")[meaning].items():
        for entry in entries.split("|"):
            for printed in (entry.strip(), entry.strip().upper()):
                line = " ".join(re.findall(JOINED, printed))
                assert meaning in meanings(line), (language, entry)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("الإجمالي", "total"),
        ("الباقي", "change"),
        ('סה"כ לתשלום', "total"),
        ("סה״כ", "total"),
        ('מע"מ 18%', "tax"),
        ("УКУПАН ИЗНОС", "total"),
        ("할인", "discount"),
        ("ส่วนลด", "discount"),
        ("कुल राशि", "total"),
        ("جمع کل", "total"),
    ],
)
def test_words_of_other_scripts_have_meanings(line: str, meaning: str) -> None:
    words = [fold(token.text) for token in tokenized(line).lines[0]]
    assert meaning in {MEANINGS[phrase.meaning] for phrase in phrases_in(words)}


@given(st.lists(st.text(max_size=12), max_size=12))
def test_any_words_can_be_searched(words: list[str]) -> None:
    for phrase in phrases_in(words):
        assert 0 <= phrase.start < phrase.end <= len(words)
        assert 0 <= phrase.meaning < len(MEANINGS)
