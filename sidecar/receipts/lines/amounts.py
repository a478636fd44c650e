"""Money as receipts print it: 1,234.56 and 1.234,56, RM7.00, 11.60-, (2.00), 5.90SR, RMO.00.

A receipt keeps to one decimal mark, so the mark is settled once, by vote over all its numbers, and
then every word is read by it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from sidecar.receipts.ocr.layout import Row, Word

Mark = Literal[".", ","]

_SIGNS = r"(?:RM|R\$|US\$|C\$|CA\$|A\$|AU\$|S\$|NZ\$|HK\$|\$|£|€|¥|₹|EUR|USD|GBP|MYR|CHF|SGD|AUD|CAD|kr|Fr\.?|[RFPK][MNH]|F(?=\d))"
# What recognition takes for digits inside a number; case counts, for 2.25L is no 2.251.
_DIGITS = r"(?-i:[\dOoQDIl|])"
_CENTS = rf"(?:{_DIGITS}{{2,4}}|\d(?-i:B)(?![A-Za-z\d]))"
_BODY = {
    ".": rf"(?:{_DIGITS}{{1,3}}(?:[,']\d{{3}})+|{_DIGITS}{{0,6}})\.\s?{_CENTS}",
    ",": rf"(?:{_DIGITS}{{1,3}}(?:[.']\d{{3}})+|{_DIGITS}{{1,6}}),\s?{_CENTS}",
}
_CODE = r"(?:\(?[A-Za-z*#]{1,3}\)?\d?|[*#%]|(?<=[€£$])\d)?"  # a tax code stuck to the price
_MONEY = {
    mark: re.compile(
        rf"^(?P<open>\()?(?P<minus>[-–—~−]\s?)?(?P<sign>{_SIGNS})?\s?(?P<minus2>[-–—~−])?(?P<body>{body})"
        rf"(?P<after>\s?[-–—−])?(?P<close>\))?(?P<unit>{_SIGNS})?(?P<code>{_CODE})[.,;:]?$",
        re.IGNORECASE,
    )
    for mark, body in _BODY.items()
}
_OTHER_MARK = {
    mark: re.compile(
        rf"^(?P<open>\()?(?P<minus>[-–—])?(?P<sign>{_SIGNS})?(?P<minus2>[-–—])?(?P<body>\d{{1,4}}{other}\d{{2}})"
        rf"(?P<after>[-–—])?(?P<close>\))?(?P<unit>{_SIGNS})?(?P<code>[*#]?[A-Z]{{0,2}})$"
    )
    for mark, other in ((".", ","), (",", "[.]"))
}
"""One point misread as a comma, or the other way: two decimals leave no doubt."""
_SIZES = {"L", "ML", "KG", "G", "LB", "OZ", "CM", "MM", "M", "LT", "GM", "IN", "X"}
_SIZE = re.compile(r"^\d{1,4}(?:[.,]\d{1,2})?(?:fl)?oz$|^\d{1,2}[.,]\d(?:l|L)$", re.IGNORECASE)
_WEIGHTS = {"KG", "G", "LB", "LBS", "1B", "IB", "OZ"}
_WHOLE = re.compile(rf"^(?!F)(?P<sign>{_SIGNS})(?P<body>\d{{1,6}})$")
_LOST_POINT = re.compile(r"^(\d{1,5})[-;'*·](\d{2})$")
_LOOKALIKE = str.maketrans("OoQqDdIiLl|B", "000000111118")
_VOTE = re.compile(r"\d([.,])\d{2}(?!\d)")
_LARGEST = Decimal(10_000_000)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount on the page: its value, where it stands and how surely it was read."""

    value: Decimal
    left: float
    right: float
    confidence: float
    sign: str = ""
    """The currency sign that was printed with it."""
    code: str = ""
    """The tax code stuck to it."""
    word: Word | None = None
    places: int = 2
    """Decimals as printed; unit prices may have more than two."""
    repaired: bool = False
    """Its decimal mark was not read as one: "7-23" may be an amount, or hours."""
    measured: bool = False
    """A unit stands behind it ("2.84 lb"): how much of something, no money."""


def decimal_mark(rows: Iterable[Row], otherwise: Mark = ".") -> Mark:
    """The mark most amounts of the receipt use; `otherwise` when nothing tells."""
    votes = [match[1] for row in rows for match in _VOTE.finditer(row.text)]
    commas, points = votes.count(","), votes.count(".")
    if commas == points:
        return otherwise
    return "," if commas > points else "."


def figure(word: Word, mark: Mark) -> Amount | None:
    """The amount that a word is, or None."""
    text, repaired = word.text, False
    match = _MONEY[mark].match(text) or _OTHER_MARK[mark].match(text)
    if _SIZE.match(text) or (match and (match["code"] or "").upper() in _SIZES):
        return None  # 2.25L is how big, not how much
    if match:
        body = match["body"].translate(_LOOKALIKE).replace(" ", "")
        if not any(char.isdigit() for char in match["body"]):
            return None
        whole, cents = re.split(r"[.,](?=[^.,]*$)", body)
        whole = re.sub(r"[.,']", "", whole)
        negative = bool(match["minus"] or match["minus2"] or match["after"])
        negative = negative or bool(match["open"] and match["close"])
        value = Decimal(f"{whole or '0'}.{cents}")
        sign, code, places = match["sign"] or match["unit"] or "", match["code"] or "", len(cents)
    elif match := _WHOLE.match(text):
        value, sign, code, negative = Decimal(match["body"]), match["sign"], "", False
        places = 0
    elif match := _LOST_POINT.match(text):
        value, sign, code, negative = Decimal(f"{match[1]}.{match[2]}"), "", "", False
        places, repaired = 2, True
    else:
        return None
    if value >= _LARGEST:
        return None
    return Amount(
        value=-value if negative else value,
        left=word.left,
        right=word.right,
        confidence=word.confidence,
        sign=sign,
        code=code.strip("()"),
        word=word,
        places=places,
        repaired=repaired,
    )


def cents(value: Decimal) -> Decimal:
    """The value to two places, half away from zero, as tills round."""
    return value.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


def figures(row: Row, mark: Mark) -> tuple[tuple[Amount, ...], tuple[Word, ...]]:
    """A row's amounts, left to right, and the words that are none."""
    found: list[Amount] = []
    others: list[Word] = []
    words = [part for word in row.words for part in _unglued(word)]
    index = 0
    ended: Word | None = None  # the last word of the last amount
    while index < len(words):
        word, taken = words[index], 1
        amount = None
        if index + 1 < len(words):
            # Three bare numbers in a row are an identifier in groups, not an amount.
            grouped = index > 0 and words[index - 1].text.isdigit()
            last = index + 2 == len(words) and not grouped
            joined = _rejoined(word, words[index + 1], row, last=last)
            amount = figure(joined, mark) if joined else None
            taken = 2 if amount else 1
        amount = amount or figure(word, mark)
        if amount and not amount.places and index and words[index - 1] is ended:
            amount, taken = None, 1  # "1,79 € 2" ends with the number of a tax
        if amount:
            ended = words[index + taken - 1]
            behind = words[index + taken].text if index + taken < len(words) else ""
            measured = not amount.sign and behind.upper() in _WEIGHTS
            found.append(replace(amount, measured=measured))
        else:
            others.append(word)
        index += taken
    return tuple(found), tuple(others)


def _unglued(word: Word) -> list[Word]:
    """ "Total:12.30" as two words; the place of the cut is in proportion to the text."""
    match = re.match(r"^(.*[A-Za-z].*[:=])([^:=]*\d[.,]\d{2}.*)$", word.text)
    if not match:
        return [word]
    at = len(match[1])
    x = word.left + (word.right - word.left) * at / len(word.text)
    return [
        Word(match[1], word.left, x, word.glyphs[:at]),
        Word(match[2], x, word.right, word.glyphs[at:]),
    ]


def _rejoined(word: Word, after: Word, row: Row, *, last: bool) -> Word | None:
    """Two words as the one amount they were before a gap or a lost point split them."""
    if after.left - word.right > 1.2 * row.height:
        return None
    pair = f"{word.text} {after.text}"
    glyphs = word.glyphs + after.glyphs
    if re.match(rf"^[-–—]?(?:{_SIGNS})?\d{{1,6}}[.,] ?\d{{2}}\b", pair, re.IGNORECASE) and (
        word.text[-1] in ".," or after.text[0] in ".,"
    ):
        return Word(pair.replace(" ", ""), word.left, after.right, glyphs)
    if re.match(rf"^(?:[-–—~]|{_SIGNS})$", word.text, re.IGNORECASE):
        return Word(word.text + after.text, word.left, after.right, glyphs)
    if last and re.match(r"^\d{1,4}$", word.text) and re.match(r"^\d{2}$", after.text):
        return Word(f"{word.text}-{after.text}", word.left, after.right, glyphs)
    return None
