"""A receipt as tokens: numbers with their values, words and signs, line by line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sidecar.receipts.ocr.layout import Row, Word
from sidecar.receipts.roles.numbers import NUMBER, NumberFormat, format_of, value_of

_TOKEN = re.compile(
    rf"(?P<number>{NUMBER.pattern})|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)|[^\w\s]|_"
)
_CONFUSED = str.maketrans("OoQDIl|B", "00001118")
_MISREAD = re.compile(  # 1O.5O, l5.00: letters that the recognizer takes for digits
    r"(?<![^\W\d_])(?=[\d.,OoQDIl|]*\d)(?:[\dOoQDIl|]+[.,][\dOoQDIlB|]{2}|[\dOoQDl|]+,\d{3})(?![\w.,])"
)
_CURRENCY = re.compile(r"[^\W\d_]{1,3}[$.]?|\W", re.UNICODE)
_SIGN_BEFORE = re.compile(r"(?:[$€£¥￥₺₹₩₫₱฿]|\bRM|\bRp\.?|R\$|\bkr)\s?[-−]?$")
"""A sign of a currency before a number without decimals makes it an amount too: ¥98, $5."""
_MINUS = "-−–—"


@dataclass(frozen=True, slots=True)
class Token:
    """A number, a word or a sign of a line."""

    row: int
    start: int
    end: int
    """row.text[start:end]."""
    text: str
    value: Decimal | None = None
    """Of a number, with its sign."""
    money: bool = False
    """Whether the number is written as the receipt's amounts are."""
    percent: bool = False
    glued: bool = False
    """Whether it follows the token before it without a blank."""
    left: float = 0.0
    right: float = 0.0

    @property
    def is_number(self) -> bool:
        return self.value is not None


@dataclass(frozen=True, slots=True)
class TokenizedReceipt:
    """All rows with their tokens, and the format of the amounts."""

    rows: tuple[Row, ...]
    lines: tuple[tuple[Token, ...], ...]
    format: NumberFormat
    texts: tuple[str, ...]
    """The rows' texts, with letters in amounts read as digits; as long as the printed ones."""


_USUAL = NumberFormat()


def tokenize(rows: Sequence[Row], expected: NumberFormat = _USUAL) -> TokenizedReceipt:
    """Split rows into tokens; `expected` is the format if the numbers show none."""
    texts = tuple(_MISREAD.sub(_as_digits, row.text) for row in rows)
    written = format_of(texts, expected)
    lines = tuple(
        tuple(_tokens(number, row, text, written))
        for number, (row, text) in enumerate(zip(rows, texts, strict=True))
    )
    return TokenizedReceipt(tuple(rows), lines, written, texts)


def _as_digits(match: re.Match[str]) -> str:
    return match[0].translate(_CONFUSED)


def _tokens(number: int, row: Row, text: str, written: NumberFormat) -> list[Token]:
    places = _places(row)
    tokens: list[Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        start, after = match.start(), text[match.end() : match.end() + 3]
        value = money = None
        if match["number"]:
            read = value_of(match["number"], written)
            if read is not None:
                value, money = read
                money = money or bool(_SIGN_BEFORE.search(text[:start]) and value)
                if _negative(text, start, after):
                    value = -value
        left, right = _extent(places, start, match.end())
        tokens.append(
            Token(
                number,
                start,
                match.end(),
                match[0],
                value,
                bool(money),
                bool(re.match(r"\s?%", after)),
                start == end and start > 0,
                left,
                right,
            )
        )
        end = match.end()
    return tokens


def _negative(text: str, start: int, after: str) -> bool:
    """Whether a minus before or behind, or brackets around, make an amount negative."""
    before = re.sub(r"(?:[$€£¥₺₹]|RM|R\$|kr|Rp\.?)\s?$", "", text[:start])
    if re.search(r"\(\s?$", before) and after.startswith(")"):
        return True
    if re.search(rf"(?:^|[\s:$€£(])[{_MINUS}]\s?$", before):
        return True
    return bool(re.match(rf"[{_MINUS}](?![\w])", after))


def _places(row: Row) -> list[tuple[int, int, Word]]:
    places, start = [], 0
    for word in row.words:
        places.append((start, start + len(word.text), word))
        start += len(word.text) + 1
    return places


def _extent(places: list[tuple[int, int, Word]], start: int, end: int) -> tuple[float, float]:
    """Return where a part of the row's text stands, by its words' shares."""
    left = right = 0.0
    for first, last, word in places:
        width = (word.right - word.left) / max(1, last - first)
        if first <= start <= last:
            left = word.left + (start - first) * width
        if first <= end <= last:
            right = word.left + (end - first) * width
            break
    return left, right


def word_at(row: Row, start: int) -> Word:
    """Return the word of a row that holds the character at `start` of its text."""
    return next(word for first, last, word in _places(row) if first <= start <= last)
