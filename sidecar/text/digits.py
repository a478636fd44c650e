"""Digits and decimal marks of all scripts."""

import re
import unicodedata
from typing import Final

_FOREIGN_DIGIT: Final = re.compile(r"(?![0-9])\d")
ARABIC_MARKS: Final = str.maketrans({"٫": ".", "٬": ","})
"""The decimal mark and the thousands mark of Arabic amounts, for `str.translate`."""


def ascii_digits(text: str) -> str:
    """Return the text with 0 to 9 for the digits of other scripts; its length stays."""
    if text.isascii():
        return text
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
