"""A receipt as tokens: numbers with their values, words and signs, line by line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.ocr.layout import Row, Word
from sidecar.receipts.roles.numbers import NUMBER, NumberFormat, format_of, value_of
from sidecar.receipts.word_lists import load
from sidecar.text.digits import ARABIC_MARKS, ascii_digits

_MARKS = r"\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
"""Accents and vowel signs, which are no letters to Python and no ends of words to people."""
WORD = rf"[^\W\d_](?:[^\W\d_]|[{_MARKS}])*"
_ABBREVIATED = r"(?:(?<=[א-ת])[\"״](?=[א-ת]))"  # סה"כ
JOINED = rf"{WORD}(?:(?:['’]|{_ABBREVIATED}){WORD})*"
"""A word, with apostrophes inside."""
_TOKEN = re.compile(rf"(?P<number>{NUMBER.pattern})|(?P<word>{JOINED})|[^\w\s]|_")
_SIGNS_AFTER = "|".join(
    re.escape(form)
    for sign in load("currencies")["signs"]
    if not sign.endswith("#")
    for form in {sign.strip("# "), sign.strip("# ").upper()}
    if len(form) > 1 or not form.isascii()
)
MAX_CHARACTERS = 400  # of a line; no till prints more, and the rest is not seen
_GROUPED = re.compile(  # 1 234,56 and, beside the sign of a currency, 1 234 Ft
    rf"(?<![\d.,])\d{{1,3}}(?: \d{{3}})+(?:,\d{{1,2}}(?![\d.,])|(?= ?(?:{_SIGNS_AFTER})(?!\w)))"
)
_MAX_GAP = 1.6  # widths of a character between groups of one number; columns are farther apart
_CONFUSED = str.maketrans("OoQDIl|B", "00001118")
_MISREAD = re.compile(  # 1O.5O, l5.00: letters that the recognizer takes for digits
    r"(?<![^\W\d_])(?=[\d.,OoQDIl|]*\d)(?:[\dOoQDIl|]+[.,][\dOoQDIlB|]{2}|[\dOoQDl|]+,\d{3})(?![\w.,])"
)
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
    rows = [_cut(row) for row in rows]
    plain = (ascii_digits(row.text.translate(ARABIC_MARKS)) for row in rows)
    texts = tuple(
        _joined(row, _MISREAD.sub(_as_digits, text)) for row, text in zip(rows, plain, strict=True)
    )
    written = format_of(texts, expected)
    lines = tuple(
        tuple(_tokens(number, row, text, written))
        for number, (row, text) in enumerate(zip(rows, texts, strict=True))
    )
    return TokenizedReceipt(tuple(rows), lines, written, texts)


def _cut(row: Row) -> Row:
    """Return the start of a line that is longer than tills print."""
    if len(row.text) <= MAX_CHARACTERS:
        return row
    words, length = [], 0
    for word in row.words:
        kept = word.text[: MAX_CHARACTERS - length]
        words.append(replace(word, text=kept, glyphs=word.glyphs[: len(kept)]))
        length += len(kept) + 1
        if length >= MAX_CHARACTERS:
            break
    return replace(row, words=tuple(words))


def _joined(row: Row, text: str) -> str:
    """Return the text with the blanks inside of 1 234,56 as no-break spaces."""
    for match in _GROUPED.finditer(text):
        places = _places(row)
        blanks = [match.start() + n for n, char in enumerate(match[0]) if char == " "]
        if all(_is_narrow(places, blank) for blank in blanks):
            text = text[: match.start()] + match[0].replace(" ", "\u00a0") + text[match.end() :]
    return text


def _is_narrow(places: Sequence[tuple[int, int, Word]], blank: int) -> bool:
    before = next(word for _, last, word in places if last == blank)
    after = next(word for first, _, word in places if first == blank + 1)
    width = (before.right - before.left) / len(before.text)
    return after.left - before.right <= _MAX_GAP * width


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
                money = money or bool(
                    _SIGN_BEFORE.search(text[max(0, start - 8) : start]) and value
                )
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
    near = text[max(0, start - 8) : start]
    before = re.sub(r"(?:[$€£¥₺₹]|RM|R\$|kr|Rp\.?)\s?$", "", near)
    if re.search(r"\(\s?$", before) and re.match(r"\s?\)", after):
        return True
    if re.search(rf"\d:[{_MINUS}]\s?$", before):
        return False  # 40:- is a whole amount in Sweden; its sign is none of the next number
    if re.search(rf"(?:^|[\s:$€£(*])[{_MINUS}]\s?$", before):
        return True
    return bool(re.match(rf"[{_MINUS}](?:[A-Z](?!\w)|(?!\w))", after))


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
