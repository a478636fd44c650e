"""The words of a line that name a thing, told from the codes, amounts and marks around them."""

import re

from sidecar.receipts.lines.lines import ReceiptLine
from sidecar.receipts.lines.quantities import Quantity
from sidecar.receipts.ocr.layout import Word

_CODE = re.compile(
    r"^\W*(\d{4,}[A-Z]{0,4}|[A-Z]{1,4}-?\d{4,}\S*|\d{3,}[-/]\d{2,}\S*|\d+|[A-Z]{1,3}\d{6,}\w*)\W*$",
    re.IGNORECASE,
)
TAX_CODE = re.compile(
    r"^\W*(SR|ZR|ZRL|ZRE|OS|ES|RS|T\d?|H?MRJ|H|S|Z|A|B|C|D|E|F|N|X|TX|SRJ|ST|GST|RM|EUR|USD|GBP|MYR|\*S|\*|TF)\W*$",
    re.IGNORECASE,
)
TRIM = "-–—*#: "


def name_of(line: ReceiptLine, product: Quantity | None) -> str:
    """The words of a line that name a thing: no codes, amounts, quantities or tax marks."""
    limit = _columns_begin(line)
    words = [word for word in line.words if word.left < limit]
    column = next(
        (
            i
            for i in range(1, len(words))
            if _in_a_column(words[i], words[i - 1], line)
            and all(re.fullmatch(r"\d{1,4}%?", word.text) for word in words[i:])
        ),
        len(words),
    )
    words = _before_the_price(words[:column], line)
    text = " ".join(word.text for word in words)
    text = re.sub(r"(?<=\w\w)\((?=\w)", " (", re.sub(r"\)(?=\w\w)", ") ", text))
    if product is not None and product.unit_price is not None:
        spelled = line.row.text[product.start : product.end]
        for piece in spelled.split():
            text = re.sub(rf"(?<!\S){re.escape(piece)}(?!\S)", " ", text, count=1)
        text = re.sub(r"\b(QTY|EACH|EA|NET|PER)\b", " ", text, flags=re.IGNORECASE)
    text = _FLAGGED.sub("", _TIMES_LATER.sub("", text))
    kept = [
        word.group()
        for word in re.finditer(r"\S+", text)
        if not _NO_WORD.fullmatch(word.group()) or _PACK.match(text, word.start())
    ]
    while len(kept) > 1 and TAX_CODE.match(kept[-1]):
        kept.pop()
    while len(kept) > 1 and re.fullmatch(r"\d{4,}|SR|ZR|ZRL|OS", kept[0]):
        kept.pop(0)
    return _LETTER_O.sub("O", _DOTTED.sub("", " ".join(kept).lstrip("%^").strip(TRIM)))


_FLAGGED = re.compile(r"^\W*(?:[A-Z]\s+(?=\d{3,}\s)|\([A-Z\d]\)\s*)(?:\d{3,}\s+)?")  # E 38070, (A)
_TIMES_LATER = re.compile(r"(?<=\w)\s\d{1,3}\s?[xX]$")  # the price follows on the next line
_PACK = re.compile(r"(?<=\d )[xX] (?=\d+[^\W\d])")  # 24 X 325ML
_DOTTED = re.compile(r"\s*\.{2,}$")
_LETTER_O = re.compile(r"(?<![\d.,])0(?=[^\W\d_]{2})|(?<=[^\W\d_]{2})0(?=[^\W\d_])")  # OLIVE 0IL


def _before_the_price(words: list[Word], line: ReceiptLine) -> list[Word]:
    """What stands behind the last amount is a remark ("SALE"), where there is a name before it."""
    if not line.figures:
        return words
    before = [word for word in words if word.left < line.figures[-1].left]
    return before if sum(map(str.isalpha, "".join(w.text for w in before))) >= 3 else words


def span_of(line: ReceiptLine, name: str) -> tuple[float, float, float]:
    """The pixels that a name takes on its line: its left end, its first word's right, its right."""
    named = set(name.split())
    words = [word for word in line.words if word.text.strip(TRIM) in named]
    if not words:
        return line.row.left, line.row.right, line.row.right
    return words[0].left, words[0].right, words[-1].right


def _columns_begin(line: ReceiptLine) -> float:
    """Where the figures begin that no word of the name stands behind."""
    named = [w.right for w in line.words if re.search(r"[^\W\d_]{3}", w.text)]
    last = max(named, default=0.0)
    return next((f.left for f in line.figures if f.left >= last - 1), float("inf"))


_NO_WORD = re.compile(
    r"\W+|[\d./-]{6,}|\d{1,3}[.,]\d|[xX@]|\S*\d{7,}\S*"
)  # signs, and what a scanner reads


def _in_a_column(word: Word, before: Word, line: ReceiptLine) -> bool:
    """Whether a bare number stands so far from the name that it is a column of its own."""
    gap = word.left - before.right
    return bool(re.fullmatch(r"\d{1,4}%?", word.text)) and gap > 0.8 * line.row.height


def names_something(name: str) -> bool:
    """Whether a name holds a word, and not codes alone."""
    words = [word for word in name.split() if not _CODE.match(word) and not TAX_CODE.match(word)]
    return sum(char.isalpha() for word in words for char in word) >= 3
