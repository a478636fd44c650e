"""The other amounts that a printed figure may be: 8 for B, 6 for 0, what the recogniser half saw."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from sidecar.receipts.lines.amounts import Amount

_RUNNER_UP = 1.0  # what a reading costs: the recogniser itself was in doubt
_LOOKALIKE = 2.0
_LOOKALIKES = {
    "0": "8695", "1": "74", "2": "7", "3": "859", "4": "19", "5": "6839", "6": "850", "7": "12",
    "8": "3069", "9": "0345",
}  # fmt: skip
_DIGIT = {"B": "8", "O": "0", "o": "0", "D": "0", "S": "5", "I": "1", "l": "1", "Z": "2", "g": "9"}


def readings(figure: Amount) -> Iterator[tuple[Decimal, float]]:
    """Other amounts that a figure may be, one character changed, each with its cost."""
    if figure.word is None:
        return
    text = figure.word.text
    glyphs = figure.word.glyphs
    for place, char in enumerate(text):
        digit = _DIGIT.get(char, char)
        if not digit.isdigit():
            continue
        doubts = glyphs[place].runner_up if len(glyphs) == len(text) else ""
        doubt = _DIGIT.get(doubts, doubts)
        for other in _LOOKALIKES.get(digit, ""):
            changed = _with_digit(figure.value, text, place, other)
            if changed is not None:
                yield changed, _RUNNER_UP if other == doubt else _LOOKALIKE
        if doubt.isdigit() and doubt not in _LOOKALIKES.get(digit, "") and doubt != digit:
            changed = _with_digit(figure.value, text, place, doubt)
            if changed is not None:
                yield changed, _RUNNER_UP


def _with_digit(value: Decimal, text: str, place: int, digit: str) -> Decimal | None:
    """The value with one digit of its printed text replaced."""
    behind = sum(char.isdigit() or char in _DIGIT for char in text[place + 1 :])
    shown = f"{abs(value):.2f}".replace(".", "").rjust(behind + 1, "0")
    at = len(shown) - 1 - behind
    if not 0 <= at < len(shown):
        return None
    try:
        changed = Decimal(shown[:at] + digit + shown[at + 1 :]).scaleb(-2)
    except InvalidOperation:
        return None
    return changed if value >= 0 else -changed


def possible(figure: Amount, printed: Collection[Decimal]) -> Amount:
    """The figure, or where it can't stand as read (035.00), the reading printed elsewhere too."""
    if figure.word is None or not re.match(r"\D*0\d", figure.word.text):
        return figure
    others = [value for value, _ in readings(figure) if value in printed]
    return replace(figure, value=others[0]) if len(set(others)) == 1 else figure
