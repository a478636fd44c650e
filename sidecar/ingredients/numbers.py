"""Amounts in text: 2, 0,5, 1/2, 1 1/2, ½, 1½ and 1.5, each an exact fraction."""

import re
import unicodedata
from fractions import Fraction
from typing import Final

from sidecar.text.digits import ascii_digits

#: An amount after `normalize`; fractions before decimals.
NUMBER: Final = (
    r"(?:\d{1,7}[ ]\d{1,3}/\d{1,3}|\d{1,3}/\d{1,3}|\d{1,3}(?:,\d{3}){2,3}|\d{1,7}(?:[.,]\d{1,9})?)"
)
_FULL: Final = re.compile(NUMBER)
_VULGAR: Final = re.compile("(\\d?)[ ]?([¼-¾⅐-⅞])")
_SLASHED: Final = re.compile(r"(?<=\d)[ ]?[⁄∕][ ]?(?=\d)")
_SPACED: Final = re.compile(r"(?<![\w/.,-])(\d{1,2}) / (\d{1,2})(?=[ ]?[^\W\d])")
_JOINED: Final = re.compile(r"(?<![\d/.,-])(\d{1,3})-(\d)/(\d{1,2})(?![\d/])")


def normalize(text: str) -> str:
    """Return a text with its fractions as n/d, with plain digits, blanks and hyphens."""
    text = ascii_digits(unicodedata.normalize("NFC", text).translate(_PLAIN))
    text = _VULGAR.sub(_plain_fraction, text)
    text = _SLASHED.sub("/", text)
    text = _SPACED.sub(r"\1/\2", text)
    text = _JOINED.sub(_mixed, text)
    return " ".join(text.split())


def parse_amount(text: str) -> Fraction | None:
    """Return the value of an amount, None for any other text and for a division by zero."""
    text = normalize(text)
    if not _FULL.fullmatch(text):
        return None
    if "/" not in text:
        if text.count(",") > 1:
            return Fraction(text.replace(",", ""))
        return Fraction(text.replace(",", "."))
    *whole_part, fraction = text.split()
    numerator, denominator = (int(part) for part in fraction.split("/"))
    if not denominator:
        return None
    return int(whole_part[0] if whole_part else 0) + Fraction(numerator, denominator)


def _plain_fraction(match: re.Match[str]) -> str:
    numerator, _, denominator = unicodedata.normalize("NFKD", match[2]).partition("\u2044")
    return f"{match[1]} {numerator}/{denominator}"


def _mixed(match: re.Match[str]) -> str:
    """Return "1-1/2" as one and a half; "1-3/2" stays a range."""
    whole, numerator, denominator = match.groups()
    return f"{whole} {numerator}/{denominator}" if int(numerator) < int(denominator) else match[0]


_PLAIN: Final = str.maketrans(
    dict.fromkeys("‐‑‒–—―−", "-")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f\u200b\ufeff\u00ad\t", " ")
    | dict.fromkeys("’‘`´ʼ", "'")
    | {"×": "x", "✕": "x"}
)
