"""Amounts as receipts print them: 1,234.56 and 1.234,56, RM7.00, 11.60-, (2.00), 5.90SR, RMO.00.

A receipt uses one decimal mark. A vote over all its numbers chooses the mark, by which every word
is then parsed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from sidecar.receipts.ocr.layout import Row, Word

Mark = Literal[".", ","]

_SIGNS = r"(?:RM|R\$|US\$|C\$|CA\$|A\$|AU\$|S\$|NZ\$|HK\$|\$|£|€|¥|₹|EUR|USD|GBP|MYR|CHF|SGD|AUD|CAD|kr|Fr\.?|[RFPK][MNH]|F(?=\d))"
# Letters that recognition confuses with digits inside a number. Case counts: 2.25L is not 2.251.
_DIGITS = r"(?-i:[\dOoQDIl|])"
_CENTS = rf"(?:{_DIGITS}{{2,4}}|\d(?-i:B)(?![A-Za-z\d]))"
_BODY = {
    ".": rf"(?:{_DIGITS}{{1,3}}(?:[,']\d{{3}})+|{_DIGITS}{{0,6}})\.\s?{_CENTS}",
    ",": rf"(?:{_DIGITS}{{1,3}}(?:[.']\d{{3}})+|{_DIGITS}{{1,6}}),\s?{_CENTS}",
}
_CODE = r"(?:\(?[A-Za-z*#]{1,3}\)?\d?|[*#%]|(?<=[€£$])\d)?"  # a tax code without a space before it
_MONEY = {
    mark: re.compile(
        rf"^(?P<open>\()?(?P<minus>[-–—~−]\s?)?(?P<sign>{_SIGNS})?\s?(?P<minus2>[-–—~−])?(?P<body>{body})"
        rf"(?P<after>\s?[-–—−])?(?P<close>\))?(?P<unit>{_SIGNS})?(?P<code>{_CODE})[.,;:]?$",
        re.IGNORECASE,
    )
    for mark, body in _BODY.items()
}
# A point misread as a comma, or the other way round: two decimals leave no doubt.
_OTHER_MARK = {
    mark: re.compile(
        rf"^(?P<open>\()?(?P<minus>[-–—])?(?P<sign>{_SIGNS})?(?P<minus2>[-–—])?(?P<body>\d{{1,4}}{other}\d{{2}})"
        rf"(?P<after>[-–—])?(?P<close>\))?(?P<unit>{_SIGNS})?(?P<code>[*#]?[A-Z]{{0,2}})$"
    )
    for mark, other in ((".", ","), (",", "[.]"))
}
_SIZES = {"L", "ML", "KG", "G", "LB", "OZ", "CM", "MM", "M", "LT", "GM", "IN", "X"}
_SIZE = re.compile(r"^\d{1,4}(?:[.,]\d{1,2})?(?:fl)?oz$|^\d{1,2}[.,]\d(?:l|L)$", re.IGNORECASE)
_WEIGHTS = {"KG", "G", "LB", "LBS", "1B", "IB", "OZ"}
_WHOLE = re.compile(rf"^(?!F)(?P<sign>{_SIGNS})(?P<body>\d{{1,6}})$")
_LOST_POINT = re.compile(r"^(\d{1,5})[-;'*·](\d{2})$")
_LOOKALIKE = str.maketrans("OoQqDdIiLl|B", "000000111118")
_VOTE = re.compile(r"\d([.,])\d{2}(?!\d)")
_LIMIT = Decimal(10_000_000)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount on the page."""

    value: Decimal
    word: Word
    confidence: float
    sign: str = ""
    """The currency sign that was printed with it."""
    decimals: int = 2
    """Decimals as printed; unit prices may have more than two."""
    repaired: bool = False
    """Its decimal mark was recognized as another sign: "7-23" may be an amount, or hours."""
    measured: bool = False
    """A unit follows it ("2.84 lb"): a quantity, not money."""


def decimal_mark(rows: Iterable[Row], default: Mark = ".") -> Mark:
    """Return the mark that most amounts of the receipt use; `default` on a tie."""
    votes = [match[1] for row in rows for match in _VOTE.finditer(row.text)]
    commas, points = votes.count(","), votes.count(".")
    if commas == points:
        return default
    return "," if commas > points else "."


def parse_amount(word: Word, mark: Mark) -> Amount | None:
    """Return the amount that a word is, or None."""
    text = word.text
    match = _MONEY[mark].match(text) or _OTHER_MARK[mark].match(text)
    if _SIZE.match(text) or (match and (match["code"] or "").upper() in _SIZES):
        return None  # 2.25L is a size
    sign, negative, decimals, repaired = "", False, 2, False
    if match:
        if not any(char.isdigit() for char in match["body"]):
            return None
        body = match["body"].translate(_LOOKALIKE).replace(" ", "")
        whole, fraction = re.split(r"[.,](?=[^.,]*$)", body)
        whole = re.sub(r"[.,']", "", whole) or "0"
        value, decimals = Decimal(f"{whole}.{fraction}"), len(fraction)
        sign = match["sign"] or match["unit"] or ""
        negative = bool(match["minus"] or match["minus2"] or match["after"])
        negative = negative or bool(match["open"] and match["close"])
    elif match := _WHOLE.match(text):
        value, sign, decimals = Decimal(match["body"]), match["sign"], 0
    elif match := _LOST_POINT.match(text):
        value, repaired = Decimal(f"{match[1]}.{match[2]}"), True
    else:
        return None
    if value >= _LIMIT:
        return None
    value = -value if negative else value
    return Amount(value, word, word.confidence, sign, decimals, repaired)


def cents(value: Decimal) -> Decimal:
    """Round to two decimals, half away from zero, as tills do."""
    return value.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


def split_amounts(row: Row, mark: Mark) -> tuple[tuple[Amount, ...], tuple[Word, ...]]:
    """Return a row's amounts, left to right, and its other words."""
    amounts: list[Amount] = []
    others: list[Word] = []
    words = [part for word in row.words for part in _split_label(word)]
    index = 0
    previous: Word | None = None  # the last word of the last amount
    while index < len(words):
        word, length = words[index], 1
        amount = None
        if index + 1 < len(words):
            # Three bare numbers in a row are an identifier in groups, not an amount.
            grouped = index > 0 and words[index - 1].text.isdigit()
            last = index + 2 == len(words) and not grouped
            joined = _join(word, words[index + 1], row, last=last)
            amount = parse_amount(joined, mark) if joined else None
            length = 2 if amount else 1
        amount = amount or parse_amount(word, mark)
        if amount and not amount.decimals and index and words[index - 1] is previous:
            amount, length = None, 1  # "1,79 € 2" ends with the number of a tax
        if amount:
            previous = words[index + length - 1]
            following = words[index + length].text if index + length < len(words) else ""
            measured = not amount.sign and following.upper() in _WEIGHTS
            amounts.append(replace(amount, measured=measured))
        else:
            others.append(word)
        index += length
    return tuple(amounts), tuple(others)


def _split_label(word: Word) -> list[Word]:
    """Split "Total:12.30" in two; the cut's position is in proportion to the text."""
    match = re.match(r"^(.*[A-Za-z].*[:=])([^:=]*\d[.,]\d{2}.*)$", word.text)
    if not match:
        return [word]
    cut = len(match[1])
    x = word.left + (word.right - word.left) * cut / len(word.text)
    return [
        Word(match[1], word.left, x, word.glyphs[:cut]),
        Word(match[2], x, word.right, word.glyphs[cut:]),
    ]


def _join(word: Word, following: Word, row: Row, *, last: bool) -> Word | None:
    """Return two words as one amount that a gap or a lost point split, or None."""
    if following.left - word.right > 1.2 * row.height:
        return None
    pair = f"{word.text} {following.text}"
    glyphs = word.glyphs + following.glyphs
    if re.match(rf"^[-–—]?(?:{_SIGNS})?\d{{1,6}}[.,] ?\d{{2}}\b", pair, re.IGNORECASE) and (
        word.text[-1] in ".," or following.text[0] in ".,"
    ):
        return Word(pair.replace(" ", ""), word.left, following.right, glyphs)
    if re.match(rf"^(?:[-–—~]|{_SIGNS})$", word.text, re.IGNORECASE):
        return Word(word.text + following.text, word.left, following.right, glyphs)
    if last and re.match(r"^\d{1,4}$", word.text) and re.match(r"^\d{2}$", following.text):
        return Word(f"{word.text}-{following.text}", word.left, following.right, glyphs)
    return None
