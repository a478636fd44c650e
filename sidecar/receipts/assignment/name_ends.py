"""What is printed around an item's name and is no part of it: codes, rates of tax, a currency."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.roles.roles import Role

EDGES = " \t-–—*#:=.,;/|_'`"
_RATE = re.compile(
    r"^(?:\w{1,2}\s|[xX]\s[\d.,]+\s)?\(?(?:[05-9]|[1-3]\d)(?:[.,]\d{1,2})?\s?%\)?[\s-]*"
    r"|\s+\(?(?:[05-9]|[1-3]\d)(?:[.,]\d{1,2})?\s?%\)?(?:\s\w)?$"
)
_BARE_RATE = re.compile(r"\s([5-9]|[1-3]\d)(?:[.,]00)?(?:\s\w)?$")
_LONG_CODE = re.compile(
    r"^(?:[A-Z]{1,2}\s|\d{1,3}[.)]?\s)?[\dIO]{6,}[A-Z]?\s*[-:]?\s*|^\d{4,}\s?-\s?(?=\D{2})"
    r"|^(?:\d{1,3}[.)]\s+)?\d{3,}-\d{3,}\s+|\s*\b\d{6,}\w?$"
)
_CODE = re.compile(r"^(?:\d{1,3}\.\s+)?[A-Z]{0,2}\d{3,}(?:[-/]\d{2,})*[A-Z]?\s*[-:]?\s+(?=\D{2})")
_LAST_WORD = re.compile(r"\s+\S+$")
_MAX_SIGN = 3  # letters of a currency's code or sign


@dataclass(frozen=True, slots=True)
class Name:
    """A name with the probability of its words, and the rows that it stands on."""

    text: str
    confidence: float
    rows: tuple[int, ...]


def cleaned(evidence: Evidence, names: Sequence[Name]) -> list[Name]:
    """Return names without article codes, rates of tax and the currency of their price."""
    return _without_currency(evidence, _without_codes(_without_rates(evidence, names)))


def letters_in(text: str) -> int:
    return sum(map(str.isalpha, text))


def _without_currency(evidence: Evidence, names: Sequence[Name]) -> list[Name]:
    """Remove a currency from the names' ends: a short word that stands directly before an item's
    price and before an amount that is no item's, such as the total.
    """
    signs: dict[bool, set[str]] = {False: set(), True: set()}
    for index, token, _ in evidence.amounts():
        if not token.money or not index or evidence.tokens[index - 1].row != token.row:
            continue
        word = evidence.tokens[index - 1].text
        if word.isalpha() and len(word) <= _MAX_SIGN:
            signs[evidence.roles[index].argmax() == Role.ITEM].add(word.upper())
    currencies = signs[True] & signs[False]
    return [
        replace(name, text=_stripped(name.text, _LAST_WORD))
        if name.text.upper().rpartition(" ")[2] in currencies
        else name
        for name in names
    ]


def _without_rates(evidence: Evidence, names: Sequence[Name]) -> list[Name]:
    """Remove rates of tax at both ends: those with a percent sign, and bare numbers at most names'
    ends or that stand with a percent sign elsewhere.
    """
    rates = {
        str(int(t.value))
        for t in evidence.tokens
        if t.percent and t.value and t.value == int(t.value)
    }
    texts = [_stripped(name.text, _RATE) for name in names]
    ends = [match[1] if (match := _BARE_RATE.search(text)) else None for text in texts]
    common = len(names) > 1 and sum(end is not None for end in ends) * 2 > len(names)
    cleaned = []
    for name, text, end in zip(names, texts, ends, strict=True):
        if end is not None and (common or end in rates):
            text = _stripped(text, _BARE_RATE)
        cleaned.append(Name(text, name.confidence, name.rows))
    return cleaned


def _without_codes(names: Sequence[Name]) -> list[Name]:
    """Remove article codes: long ones, and shorter ones that most names start with."""
    stripped = [_stripped(name.text, _LONG_CODE) for name in names]
    coded = sum(bool(_CODE.match(text)) for text in stripped)
    if coded >= 2 and coded * 2 > len(names):
        stripped = [_stripped(text, _CODE) for text in stripped]
    return [
        Name(text, name.confidence, name.rows) for text, name in zip(stripped, names, strict=True)
    ]


def _stripped(text: str, code: re.Pattern[str]) -> str:
    rest = code.sub("", text).strip(EDGES)
    return rest if letters_in(rest) >= 2 else text
