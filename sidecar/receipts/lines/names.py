"""The words of a line that name an article, without the codes, amounts and marks around them."""

import re

from sidecar.receipts.lines.lines import ReceiptLine
from sidecar.receipts.lines.quantities import Quantity
from sidecar.receipts.ocr.layout import Word
from sidecar.receipts.word_lists import load, one_line

TRIM = "-–—*#: "
TAX_CODE = re.compile(rf"^\W*({one_line(load('items')['tax_codes'])})\W*$", re.IGNORECASE)
_CODE = re.compile(
    r"^\W*(\d{4,}[A-Z]{0,4}|[A-Z]{1,4}-?\d{4,}\S*|\d{3,}[-/]\d{2,}\S*|\d+|[A-Z]{1,3}\d{6,}\w*)\W*$",
    re.IGNORECASE,
)
_FLAGGED = re.compile(r"^\W*(?:[A-Z]\s+(?=\d{3,}\s)|\([A-Z\d]\)\s*)(?:\d{3,}\s+)?")  # E 38070, (A)
_TIMES_LATER = re.compile(r"(?<=\w)\s\d{1,3}\s?[xX]$")  # the price follows on the next line
_PACK = re.compile(r"(?<=\d )[xX] (?=\d+[^\W\d])")  # 24 X 325ML
_DOTTED = re.compile(r"\s*\.{2,}$")
_LETTER_O = re.compile(r"(?<![\d.,])0(?=[^\W\d_]{2})|(?<=[^\W\d_]{2})0(?=[^\W\d_])")  # OLIVE 0IL
_NO_WORD = re.compile(r"\W+|[\d./-]{6,}|\d{1,3}[.,]\d|[xX@]|\S*\d{7,}\S*")  # signs, bar codes


def name_of(line: ReceiptLine, quantity: Quantity | None) -> str:
    """Return the words that name an article: no codes, amounts, quantities or tax codes."""
    limit = _amounts_start(line)
    words = [word for word in line.words if word.left < limit]
    column = next(  # bare numbers after a gap are columns
        (
            i
            for i in range(1, len(words))
            if words[i].left - words[i - 1].right > 0.8 * line.row.height
            and all(re.fullmatch(r"\d{1,4}%?", word.text) for word in words[i:])
        ),
        len(words),
    )
    words = _before_the_price(words[:column], line)
    text = " ".join(word.text for word in words)
    text = re.sub(r"(?<=\w\w)\((?=\w)", " (", re.sub(r"\)(?=\w\w)", ") ", text))
    if quantity is not None and quantity.unit_price is not None:
        for part in line.text[quantity.start : quantity.end].split():
            text = re.sub(rf"(?<!\S){re.escape(part)}(?!\S)", " ", text, count=1)
        text = re.sub(r"\b(QTY|EACH|EA|NET|PER)\b", " ", text, flags=re.IGNORECASE)
    text = _FLAGGED.sub("", _TIMES_LATER.sub("", text))
    named = [
        word.group()
        for word in re.finditer(r"\S+", text)
        if not _NO_WORD.fullmatch(word.group()) or _PACK.match(text, word.start())
    ]
    while len(named) > 1 and TAX_CODE.match(named[-1]):
        named.pop()
    while len(named) > 1 and re.fullmatch(r"\d{4,}|SR|ZR|ZRL|OS", named[0]):
        named.pop(0)
    return _LETTER_O.sub("O", _DOTTED.sub("", " ".join(named).lstrip("%^").strip(TRIM)))


def _before_the_price(words: list[Word], line: ReceiptLine) -> list[Word]:
    """Drop words after the last amount ("SALE"), if there is a name before it."""
    if not line.amounts:
        return words
    before = [word for word in words if word.left < line.amounts[-1].word.left]
    return before if sum(map(str.isalpha, "".join(w.text for w in before))) >= 3 else words


def span_of(line: ReceiptLine, name: str) -> tuple[float, float, float]:
    """Return a name's extent in pixels: its left end, the end of its first word, its right end."""
    named = set(name.split())
    words = [word for word in line.words if word.text.strip(TRIM) in named]
    if not words:
        return line.row.left, line.row.right, line.row.right
    return words[0].left, words[0].right, words[-1].right


def _amounts_start(line: ReceiptLine) -> float:
    """Return the left end of the first amount that no word of the name follows."""
    named = [w.right for w in line.words if re.search(r"[^\W\d_]{3}", w.text)]
    last = max(named, default=0.0)
    return next((a.word.left for a in line.amounts if a.word.left >= last - 1), float("inf"))


def names_something(name: str) -> bool:
    """Whether a name has a word that is not a code."""
    words = [word for word in name.split() if not _CODE.match(word) and not TAX_CODE.match(word)]
    return sum(char.isalpha() for word in words for char in word) >= 3
