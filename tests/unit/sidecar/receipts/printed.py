"""Receipts written as text: what a printer of fixed-width characters would put on paper."""

import re

from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.layout import Row, Word
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse

CHARACTER_WIDTH, LINE_HEIGHT = 10.0, 24.0


def rows(text: str) -> list[Row]:
    """Each line of the text as a row, each run of non-blanks as a word in its column."""
    found = []
    for number, line in enumerate(text.splitlines()):
        words = tuple(
            Word(match.group(), match.start() * CHARACTER_WIDTH, match.end() * CHARACTER_WIDTH)
            for match in re.finditer(r"\S+", line)
        )
        if words:
            found.append(Row(words, (number + 0.5) * LINE_HEIGHT, 0.8 * LINE_HEIGHT))
    return found


def read(text: str, **options: object) -> Extraction:
    """The receipt that the text is."""
    return parse(rows(text), ReceiptOptions.model_validate(options))
