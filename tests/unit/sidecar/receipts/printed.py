"""Parses receipts given as text, as a fixed-width printer would print them."""

import re

from sidecar.receipts.models import Extraction
from sidecar.receipts.ocr.layout import Row, Word
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse

CHARACTER_WIDTH, LINE_HEIGHT = 10.0, 24.0


def rows_from(text: str) -> list[Row]:
    """Return each line of the text as a row, each run of non-blanks as a word in its column."""
    rows = []
    for number, line in enumerate(text.splitlines()):
        words = tuple(
            Word(match.group(), match.start() * CHARACTER_WIDTH, match.end() * CHARACTER_WIDTH)
            for match in re.finditer(r"\S+", line)
        )
        if words:
            rows.append(Row(words, (number + 0.5) * LINE_HEIGHT, 0.8 * LINE_HEIGHT))
    return rows


def read(text: str, **options: object) -> Extraction:
    """Parse a receipt given as text."""
    return parse(rows_from(text), ReceiptOptions.model_validate(options))
