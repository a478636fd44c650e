"""The shop's name: a known chain, or the line that model and print single out as a name.

Candidates are the lines of the header and others that the model takes for a name. What speaks for
each (place, size of print, legal form, kind of shop, address below) is weighed as fitted.
"""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.ranking import Calibration, logit
from sidecar.receipts.fields.chains import Chain, sites_in
from sidecar.receipts.fields.spelling import capitals, folded_capitals
from sidecar.receipts.models import Merchant
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.vocabulary import MEANINGS
from sidecar.receipts.word_lists import pattern

_MAX_HEADER_LINES = 14
_LIKELY = 0.95  # probability by the model from which words that are no name don't count
_MIN_LETTERS = 3
_MIN_CHANCE = 0.2  # below which no name is given
_CHAIN = 0.97  # confidence in a chain that the likeliest line names
_CHAIN_ELSEWHERE = 0.8  # ... that another line names, or a web address
_SAME_CHAIN = 80  # partial ratio of a line's letters to a chain's
_SAME_SITE = 80  # ratio of a name's letters to a web address's
_INITIALS = re.compile(r"^\W*\w\s?&\s?\w\W*$")
_TOWN = re.compile(r"\d[\d -]{2,}[ ,]+([^\W\d][^,]*)$")
_SITE = re.compile(r"\bwww\.|//|\w\.(?:com|net|org|[a-z]{2})\b")
_LEGAL = pattern("merchant_words", "legal_forms")
_KIND = pattern("merchant_words", "kinds")
_NAME_ENDING = pattern("merchant_words", "name_endings")
_ADDRESS = pattern("merchant_words", "addresses")
_NOT_NAME = pattern("merchant_words", "not_names")
_CUSTOMER = pattern("merchant_words", "customers")
_REGISTER = pattern("merchant_words", "registers")
_REGISTRATION = re.compile(
    r"\s*[\(\[{]?\s*(?:(?:CO|COMPANY|BUSINESS|BRN|ROC)\.?\s*(?:REG|NO|RES)?[A-Z.]*\s*(?:NO)?\s*[:.#-]*\s*)?"
    r"(?:\d{5,12}|[A-Z]{1,3}-?\d{6,})\s*-?\s*[A-Z]{0,2}\s*[\)\]}]?\.?\s*$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\s*[\(\[{][^()\[\]{}]*\d{4}[^()\[\]{}]*[\)\]}]?.*$|\s\d{5,7} ?- ?[A-Z]\b.*$"
)
_LABEL = re.compile(
    r"^\W*(?:OWNED|OWN|OPERATED|MANAGED|DIMILIKI|TRADING|LOJA|LOCAL|SHOP|STORE|FILIALE)\s?(?:BY|AS|OLEH|NO\.?)?\s?:\s?|^T/A ",
    re.IGNORECASE,
)
_EMPTY_TAIL = re.compile(
    r"(?i:\s+(?:TEL|PUH|PH|TLF)\b\.?)?[\s\(\[,.:;*_=~|-]*$|^[\s*_=~|:.,;\"'<>-]+"
)
_BRANCH = re.compile(r"\s*#\s?\d{2,}\b.*$")
_PLACE = re.compile(r"\s+[-–]\s+.*$")
_OPEN_END = re.compile(r"(&|\bAND|\bOF|\bDE|\bZUM|\bDA|\bTHE|,|-)$", re.IGNORECASE)
_SLOGAN = re.compile(r"[a-z]{3,}\. [A-Z]|\S+\s+\S+\s+\S.*[.!?]$|^\S+['’]\S+ \S+ \S+ \S+")
_INFO, _COLUMNS = MEANINGS.index("info"), MEANINGS.index("columns")


def header_of(evidence: Evidence) -> list[int]:
    """Return the rows before the first item: where names, addresses and chains are looked for."""
    rows: list[int] = []
    for row in range(min(_MAX_HEADER_LINES, len(evidence.lines))):
        if rows and evidence.line(row, LineClass.ITEM) > 0.5:
            break
        rows.append(row)
    return rows


def merchant_of(
    evidence: Evidence, chain: Chain | None, calibration: Calibration
) -> Merchant | None:
    """Return the merchant, or None when no line is likely to be a name."""
    rows = candidate_rows(evidence)
    chances = calibration.choose("merchant", figures_of(evidence, rows))
    chance, row = max(zip(chances, rows, strict=True), default=(0.0, 0))
    if chain is not None:
        agreed = bool(rows) and _names(evidence.receipt.rows[row].text, chain)
        return Merchant(name=chain.name, confidence=_CHAIN if agreed else _CHAIN_ELSEWHERE)
    if chance < _MIN_CHANCE:
        return None
    name = name_at(evidence, row)
    if _letters(name) < _MIN_LETTERS:
        return None
    return Merchant(name=name, confidence=round(chance, 3))


def _names(line: str, chain: Chain) -> bool:
    printed, known = (_squeezed(capitals(text)) for text in (line, chain.name))
    return len(printed) > 1 and fuzz.partial_ratio(printed, known) >= _SAME_CHAIN


def candidate_rows(evidence: Evidence) -> list[int]:
    """Return the rows that may show the name."""
    header = set(header_of(evidence))
    return [
        row
        for row in range(len(evidence.lines))
        if (row in header or evidence.line(row, LineClass.MERCHANT) > 0.05)
        and _letters(evidence.receipt.rows[row].text) >= _MIN_LETTERS
        and not _has_price(evidence, row)
        and not _is_another(evidence, row)
    ]


def may_be_name(line: str) -> bool:
    """Whether a line of the header may be a shop's name: no title of a document, no address."""
    return _letters(line) >= _MIN_LETTERS + 1 and _is_part(line)


def is_of_customer(line: str) -> bool:
    """Whether a line names the customer: "Customer: Corner Shop Ltd"."""
    return bool(_CUSTOMER.search(folded_capitals(line)))


def _is_another(evidence: Evidence, row: int) -> bool:
    """Whether a line is about something else (a till, a copy), or a remark in brackets."""
    text = evidence.receipt.rows[row].text
    if text.startswith("(") or is_of_customer(text):
        return True
    if evidence.line(row, LineClass.MERCHANT) >= _LIKELY:
        return False
    headings = evidence.features.line_figures[row, _COLUMNS] >= 1
    return bool(headings) or bool(_NOT_NAME.search(folded_capitals(text)))


def _letters(text: str) -> int:
    """Return the letters of a text; an ideograph counts as two, and an "&" as one: H&M."""
    text = text.replace("&", "n") if _INITIALS.search(text) else text
    return sum(2 if char > "\u2e80" else 1 for char in text if char.isalpha())


def _has_price(evidence: Evidence, row: int) -> bool:
    return any(
        evidence.tokens[i].money
        and (evidence.receipt.format.decimals or evidence.role(i, Role.ITEM) > 0.5)
        for i in evidence.of_row(row)
    )


def figures_of(evidence: Evidence, rows: Sequence[int]) -> list[list[float]]:
    """Return 32 numbers for each row."""
    printed = evidence.receipt.rows
    texts = tuple(folded_capitals(_strip(row.text)) for row in printed)
    page = _Page(
        height=statistics.median(row.height for row in printed),
        texts=texts,
        squeezed=tuple(map(_squeezed, texts)),
        towns=frozenset(m[1] for m in map(_TOWN.search, texts) if m),
        sites=sites_in(evidence.receipt.texts),
        best=max((evidence.line(row, LineClass.MERCHANT) for row in rows), default=0.0),
        contact=next((row for row in rows if _is_contact(texts[row])), len(printed)),
    )
    return [
        [
            *_of_model(evidence, row, page),
            *_of_place(row, order, page),
            *_of_print(evidence, row, page),
        ]
        for order, row in enumerate(rows)
    ]


@dataclass(frozen=True)
class _Page:
    """What the lines of a receipt are compared with."""

    height: float
    texts: tuple[str, ...]
    squeezed: tuple[str, ...]
    towns: frozenset[str]
    sites: tuple[str, ...]
    best: float
    contact: int


def _of_model(evidence: Evidence, row: int, page: _Page) -> list[float]:
    """Return what the model says about a row, and about the one below."""
    p = evidence.line(row, LineClass.MERCHANT)
    meanings = evidence.features.line_figures[row, : len(MEANINGS)]
    return [
        logit(p) / 4,
        p - page.best,
        logit(page.best) / 4,
        _item(evidence, row),
        _item(evidence, row + 1) if row + 1 < len(evidence.lines) else 0.0,
        float(meanings[_INFO]),
        float(max(meanings[:_INFO], default=0.0)),
    ]


def _item(evidence: Evidence, row: int) -> float:
    return evidence.line(row, LineClass.ITEM) + evidence.line(row, LineClass.NAME_ABOVE)


def _of_place(row: int, order: int, page: _Page) -> list[float]:
    """Return where a row stands: among the candidates, and to addresses, numbers and owners."""
    below = page.texts[row + 1 : row + 5]
    return [
        float(order == 0),
        float(order == 1),
        min(order, 12) / 6,
        float(row > page.contact),
        float(row + 1 == page.contact),
        float(any(_REGISTER.search(text) for text in below)),
        float(bool(below) and bool(_LEGAL.search(below[0]))),
        float(any(_LEGAL.search(text) for text in page.texts[max(0, row - 4) : row])),
    ]


def _of_print(evidence: Evidence, row: int, page: _Page) -> list[float]:
    """Return how a row is printed and what it says."""
    printed, text = evidence.receipt.rows[row], page.texts[row]
    letters = sum(map(str.isalpha, text))
    squeezed = _squeezed(text)
    others = [t for n, t in enumerate(page.squeezed) if abs(n - row) > 1]
    return [
        float(bool(_LEGAL.search(text))),
        float(bool(_KIND.search(text))),
        float(bool(_NOT_NAME.search(text))),
        float(bool(_ADDRESS.search(text)) and not _LEGAL.search(text)),
        float(bool(_SITE.search(printed.text.lower()))),
        float(any(fuzz.ratio(squeezed.lower(), site) >= _SAME_SITE for site in page.sites)),
        float(len(squeezed) > 4 and any(squeezed in other for other in others)),
        float(text in page.towns),
        min(1.5, printed.height / page.height - 1),
        1 - letters / max(1, len(text.replace(" ", ""))),
        float(letters < 5),
        1 - printed.confidence,
        float(bool(_SLOGAN.search(printed.text))),
        sum(map(str.isupper, printed.text)) / max(1, sum(map(str.isalpha, printed.text))),
        min(1.0, letters / 30),
        float(printed.text.rstrip().endswith(":")),
        float(any(evidence.tokens[i].money for i in evidence.of_row(row))),
    ]


def _squeezed(text: str) -> str:
    return re.sub(r"\W", "", text)


def _is_contact(text: str) -> bool:
    """Whether it is an address or a telephone number; the name is seldom below it."""
    return not _LEGAL.search(text) and bool(
        re.search(r"\bTEL\b|\d{5}", text) or _ADDRESS.search(text)
    )


def name_at(evidence: Evidence, row: int) -> str:
    """Return the name on a row, with the rows above and below that it continues on."""
    texts = [r.text for r in evidence.receipt.rows]
    first = last = row
    while first > 0 and _is_part(texts[first - 1]) and _continues(texts[first - 1], texts[first]):
        first -= 1
    while (
        last + 1 < min(len(texts), _MAX_HEADER_LINES)
        and _is_part(texts[last + 1])
        and _continues(texts[last], texts[last + 1])
    ):
        last += 1
    return _clean(" ".join(texts[first : last + 1]))


def _continues(above: str, below: str) -> bool:
    """Whether two lines are one name: a bracket or an "&" is left open, the second line is only a
    legal form or a kind of shop, or both share a word that is a name.
    """
    first, second = folded_capitals(_strip(above)), folded_capitals(_strip(below))
    if _OPEN_END.search(first) or second.count(")") > second.count("("):
        return True
    if (
        (first.count("(") > first.count(")") and ")" in second)
        or _NAME_ENDING.match(second)
        or _only_legal(below)
    ):
        return not _LEGAL.search(first)
    return False


def _is_part(line: str) -> bool:
    text = folded_capitals(_strip(line))
    letters = sum(map(str.isalpha, text))
    return letters >= 3 and not (
        _NOT_NAME.search(text) or (_ADDRESS.search(text) and not _LEGAL.search(text))
    )


def _only_legal(line: str) -> bool:
    rest = _LEGAL.sub("", folded_capitals(_strip(line)))
    return sum(map(str.isalpha, rest.replace("(M)", ""))) <= 2


def _strip(text: str) -> str:
    """Remove a company's registration number, and stray signs at both ends."""
    return _EMPTY_TAIL.sub("", _REGISTRATION.sub("", _NUMBERED.sub("", text)))


def _clean(text: str) -> str:
    """Remove a label before the name, its registration, the branch and the place."""
    name = _strip(_LABEL.sub("", text))
    for tail in (_BRANCH, _PLACE):
        shorter = tail.sub("", name)
        name = shorter if sum(map(str.isalpha, shorter)) >= 3 else name
    if re.search(r"\w\.\w{1,2}$", name) and text[text.find(name) + len(name) :][:1] == ".":
        name += "."  # S.R.L., d.o.o.
    return " ".join(name.split())
