"""Rows of a receipt that is given as text, as a fixed-width printer would print it."""

import re

from sidecar.receipts.ocr.layout import Row, Word

_CHARACTER_WIDTH, _LINE_HEIGHT = 10.0, 24.0  # pixels


def rows_from_text(text: str) -> list[Row]:
    """Return each line with words as a row, each run of non-blanks as a word in its column."""
    rows = []
    for number, line in enumerate(text.splitlines()):
        words = tuple(
            Word(match.group(), match.start() * _CHARACTER_WIDTH, match.end() * _CHARACTER_WIDTH)
            for match in re.finditer(r"\S+", line)
        )
        if words:
            rows.append(Row(words, (number + 0.5) * _LINE_HEIGHT, 0.8 * _LINE_HEIGHT))
    return rows
