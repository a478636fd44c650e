"""The shop's name: a known chain, or the header line that looks most like a name.

A name is early, large, made of letters, and often contains a company's legal form or a kind of
shop; slogans, addresses, registration numbers and "TAX INVOICE" are no names.
"""

import functools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from sidecar.receipts.lines.line_roles import LineRole, fold, lookalike, plain_of
from sidecar.receipts.lines.lines import ReceiptLine, ReceiptLines
from sidecar.receipts.models import Merchant
from sidecar.receipts.word_lists import load, pattern

_MAX_HEADER_LINES = 14
_LEGAL = pattern("merchant_words", "legal_forms")
_KIND = pattern("merchant_words", "kinds")
_NAME_ENDING = pattern("merchant_words", "name_endings")
_ADDRESS = pattern("merchant_words", "addresses")
_NOT_NAME = pattern("merchant_words", "not_names")
_COMPANY_TAIL = pattern("merchant_words", "company_tail")
_REGISTRATION = re.compile(
    r"\s*[\(\[{]?\s*(?:(?:CO|COMPANY|BUSINESS|BRN|ROC)\.?\s*(?:REG|NO|RES)?[A-Z.]*\s*(?:NO)?\s*[:.#-]*\s*)?"
    r"(?:\d{5,12}|[A-Z]{1,3}-?\d{6,})\s*-?\s*[A-Z]{0,2}\s*[\)\]}]?\.?\s*$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\s*[\(\[{][^()\[\]{}]*\d{4}[^()\[\]{}]*[\)\]}]?.*$|\s\d{5,7} ?- ?[A-Z]\b.*$"
)
_OWNER = re.compile(
    r"^\W*(?:OWNED|OWN|OPERATED|MANAGED|DIMILIKI|TRADING)\s?(?:BY|AS|OLEH)?\s?:\s?|^T/A ",
    re.IGNORECASE,
)
_EMPTY_TAIL = re.compile(
    r"(?i:\s+(?:TEL|PUH|PH|TLF)\b\.?)?[\s\(\[,.:;*_=~|-]*$|^[\s*_=~|:.,;\"'<>-]+"
)
_MALAYSIAN = re.compile(r"\bS[DO0OB]N\.? ?\.?B[HN][DO]\b|\bBERHAD\b|\bBHD\b")
_SITE = re.compile(
    r"(?<![@\w])(?:www\.|//)?([a-z0-9-]{4,})\.(?:com|co|de|fr|es|it|nl|ie|us|ca|at|ch|be|pt|se|eu)\b"
)
_SLOGAN = re.compile(r"[a-z]{3,}\. [A-Z]|\S+\s+\S+\s+\S.*[.!?]$|^\S+['’]\S+ \S+ \S+ \S+")
_BRANCH = re.compile(r"\s*#\s?\d{2,5}\b.*$")
_PLACE = re.compile(r"\s+[-–]\s+.*$")
_OPEN_END = re.compile(r"(&|\bAND|\bOF|\bDE|,|-)$", re.IGNORECASE)
_ABOVE_ADDRESS = 0.25
# Confidence in a name without a legal form; people may use a shorter one.
_UNREGISTERED = 0.88
_MIN_LOOKALIKE, _MIN_TYPO = 5, 7  # letters of a name that may be misread, as logos often are


@dataclass(frozen=True, slots=True)
class Chain:
    """A shop of many branches; `currency` (ISO 4217) if it sells in one country only."""

    name: str
    currency: str | None
    distinctive: bool
    """Its name is not a common word, so a place may follow it on the line."""


def chain_of(receipt: ReceiptLines) -> Chain | None:
    """Return the chain that a header line, or else a web address on the receipt, names."""
    texts = [line.text for line in _header(receipt.lines)]
    if any(_MALAYSIAN.search(fold(text)) for text in texts):
        return None
    runs = [" ".join(texts[i : i + n]) for n in (1, 2, 3) for i in range(len(texts) - n + 1)]
    for match in (_printed_chain, _similar_chain):
        for run in runs:
            if chain := match(run):
                return chain
    for site in _SITE.finditer(receipt.text.lower()):
        if chain := _sites().get(site[1].replace("-", "")):
            return chain
    return None


def merchant_of(receipt: ReceiptLines, chain: Chain | None) -> Merchant | None:
    """Return the merchant, or None when no header line can be a name."""
    if chain is not None:
        return Merchant(name=chain.name, confidence=0.97)
    header = _header(receipt.lines)
    if not header:
        return None
    height = statistics.median(line.row.height for line in receipt.lines)
    contact = next((i for i, line in enumerate(header) if _is_contact(line)), len(header))
    scores = [
        _score(line, index, height)
        - (0.8 if index > contact else 0.0)
        + (_ABOVE_ADDRESS if index + 1 == contact else 0.0)
        for index, line in enumerate(header)
    ]
    best = max(range(len(header)), key=lambda index: scores[index])
    if scores[best] <= 0:
        return None
    name = _clean(_joined_name(header, best))
    if not name:
        return None
    rival = max((s for index, s in enumerate(scores) if index != best), default=0)
    lead = scores[best] - rival
    confidence = header[best].row.confidence * (0.97 if lead > 1 else 0.9 if lead > 0.4 else 0.75)
    if not _LEGAL.search(fold(name)):
        confidence = min(confidence, _UNREGISTERED)
    return Merchant(name=name, confidence=round(confidence, 3))


def _header(lines: Sequence[ReceiptLine]) -> list[ReceiptLine]:
    """Return the lines before the first amount or column heading."""
    header: list[ReceiptLine] = []
    for line in lines[:_MAX_HEADER_LINES]:
        if line.role is LineRole.COLUMNS or (
            line.amounts and line.role is not LineRole.META and header
        ):
            break
        header.append(line)
    return header


def _is_contact(line: ReceiptLine) -> bool:
    """Whether it is an address or a telephone number; the name is seldom below it."""
    text = fold(_strip(line.text))
    return not _LEGAL.search(text) and bool(
        re.search(r"\bTEL\b|\d{5}", text) or _ADDRESS.search(text)
    )


def _score(line: ReceiptLine, index: int, height: float) -> float:
    text = fold(_strip(_BRANCH.sub("", line.text)))
    letters = sum(char.isalpha() for char in text)
    if letters < 3 or _NOT_NAME.search(text):
        return -1.0
    score = 2.0 - 0.28 * index
    score += min(1.5, 1.2 * (line.row.height / height - 1))
    score += 2.4 if _LEGAL.search(text) else 0.0
    score += 0.35 if _KIND.search(text) else 0.0
    score -= 1.8 if _ADDRESS.search(text) and not _LEGAL.search(text) else 0.0
    score -= 1.5 * (1 - letters / max(1, len(text.replace(" ", ""))))
    score -= 2.0 * (1 - line.row.confidence)
    score -= 1.5 if _SLOGAN.search(line.text) else 0.0
    score -= 0.5 if line.text.startswith("(") else 0.0
    score += 0.8 if _BRANCH.search(line.text) else 0.0
    # Shops print capitals; lower case alone is handwriting or a slogan.
    score -= 1.0 if line.text == line.text.lower() else 0.0
    return score - (0.5 if letters < 5 else 0.0)


def _joined_name(header: Sequence[ReceiptLine], best: int) -> str:
    """Return the name with the lines above and below that it continues on."""
    name = [header[best]]
    for line in reversed(header[:best]):
        if not (_is_part(line) and _continues(line, name[0])):
            break
        name.insert(0, line)
    for line in header[best + 1 :]:
        if not (_is_part(line) and _continues(name[-1], line)):
            break
        name.append(line)
    return " ".join(line.text for line in name)


def _continues(above: ReceiptLine, below: ReceiptLine) -> bool:
    """Whether two lines are one name: a bracket or an "&" is left open, the second line is only a
    legal form or a kind of shop, or both share a word that is a name.
    """
    first, second = fold(_strip(above.text)), fold(_strip(below.text))
    if _OPEN_END.search(first) or second.count(")") > second.count("("):
        return True
    if (
        (first.count("(") > first.count(")") and ")" in second)
        or _NAME_ENDING.match(second)
        or _only_legal(below)
    ):
        return not _LEGAL.search(first)
    if _LEGAL.search(first) or _LEGAL.search(second) or second.startswith("("):
        return False
    words, more = set(first.split()), set(second.split())
    shared = _distinctive(first) & _distinctive(second)
    return bool(shared) and not (words <= more or more <= words)


def _distinctive(text: str) -> set[str]:
    words = re.findall(r"[A-Z]{4,}", text)
    return {word for word in words if not _KIND.search(word) and not _LEGAL.search(word)}


def _is_part(line: ReceiptLine) -> bool:
    text = fold(_strip(line.text))
    letters = sum(map(str.isalpha, text))
    return letters >= 3 and not (
        _NOT_NAME.search(text) or (_ADDRESS.search(text) and not _LEGAL.search(text))
    )


def _only_legal(line: ReceiptLine) -> bool:
    rest = _LEGAL.sub("", fold(_strip(line.text)))
    return sum(map(str.isalpha, rest.replace("(M)", ""))) <= 2


def _strip(text: str) -> str:
    """Remove a company's registration number, and stray signs at both ends."""
    return _EMPTY_TAIL.sub("", _REGISTRATION.sub("", _NUMBERED.sub("", text)))


def _clean(text: str) -> str:
    """Remove the marks of owner and registration, the branch and the place."""
    name = _strip(_OWNER.sub("", text))
    for tail in (_BRANCH, _PLACE):
        shorter = tail.sub("", name)
        name = shorter if sum(map(str.isalpha, shorter)) >= 3 else name
    return " ".join(name.split())


def _printed_chain(text: str) -> Chain | None:
    """Return the chain whose receipts print that line, with or without its legal form."""
    text = plain_of(_BRANCH.sub("", text)).replace("&", " AND ")
    plain = " ".join(re.sub(r"[^A-Z0-9]+", " ", text).split())
    bare = _COMPANY_TAIL.sub("", plain)
    for chain, prints in _chains():
        if prints.fullmatch(plain) or prints.fullmatch(bare):
            return chain
    return next((c for c, prints in _chains() if c.distinctive and _with_place(prints, bare)), None)


def _with_place(prints: re.Pattern[str], text: str) -> bool:
    match = prints.match(text)
    rest = text[match.end() :] if match else ""
    return bool(re.fullmatch(r"(?: [A-Z]{3,}){1,2}", rest)) and not (
        _KIND.search(rest) or _ADDRESS.search(rest)
    )


def _similar_chain(text: str) -> Chain | None:
    """Return the chain whose name the line is, except for look-alikes or one wrong letter."""
    letters = re.sub(r"[^A-Z]", "", plain_of(text))
    for chain, _ in _chains():
        name = re.sub(r"[^A-Z]", "", plain_of(chain.name))
        if len(name) >= _MIN_LOOKALIKE and lookalike(name) == lookalike(letters):
            return chain
        if len(name) >= _MIN_TYPO and Levenshtein.distance(name, letters, score_cutoff=1) <= 1:
            return chain
    return None


@functools.cache
def _chains() -> tuple[tuple[Chain, re.Pattern[str]], ...]:
    return tuple(
        (
            Chain(name, facts.get("currency"), not facts.get("common", False)),
            re.compile(facts["prints"]),
        )
        for name, facts in load("merchants").items()
    )


@functools.cache
def _sites() -> dict[str, Chain]:
    """Return the chains by the letters and digits of their names, as in web addresses."""
    names = ((re.sub(r"[^a-z0-9]", "", plain_of(c.name).lower()), c) for c, _ in _chains())
    return {site: chain for site, chain in names if len(site) > 3}
