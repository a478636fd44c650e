"""Alternative readings of a printed amount: 8 for B, 6 for 0, the recognizer's runner-up."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from sidecar.receipts.lines.amounts import Amount

_RUNNER_UP = 1.0  # cost of a reading that the recognizer itself considered
_LOOKALIKE = 2.0
_LOOKALIKES = {
    "0": "8695", "1": "74", "2": "7", "3": "859", "4": "19", "5": "6839", "6": "850", "7": "12",
    "8": "3069", "9": "0345",
}  # fmt: skip
_DIGIT = {"B": "8", "O": "0", "o": "0", "D": "0", "S": "5", "I": "1", "l": "1", "Z": "2", "g": "9"}


def alternatives(amount: Amount) -> Iterator[tuple[Decimal, float]]:
    """Yield the values with one character changed, each with its cost."""
    text, glyphs = amount.word.text, amount.word.glyphs
    for index, char in enumerate(text):
        digit = _DIGIT.get(char, char)
        if not digit.isdigit():
            continue
        second = glyphs[index].runner_up if len(glyphs) == len(text) else ""
        runner_up = _DIGIT.get(second, second)
        others = [*_LOOKALIKES.get(digit, "")]
        if runner_up.isdigit() and runner_up not in (*others, digit):
            others.append(runner_up)
        for other in others:
            changed = _with_digit(amount.value, text, index, other)
            if changed is not None:
                yield changed, _RUNNER_UP if other == runner_up else _LOOKALIKE


def _with_digit(value: Decimal, text: str, index: int, digit: str) -> Decimal | None:
    """Return the value with one digit of its printed text replaced."""
    following = sum(char.isdigit() or char in _DIGIT for char in text[index + 1 :])
    digits = f"{abs(value):.2f}".replace(".", "").rjust(following + 1, "0")
    position = len(digits) - 1 - following
    if not 0 <= position < len(digits):
        return None
    try:
        changed = Decimal(digits[:position] + digit + digits[position + 1 :]).scaleb(-2)
    except InvalidOperation:
        return None
    return changed if value >= 0 else -changed


def plausible(amount: Amount, printed: Collection[Decimal]) -> Amount:
    """Replace an impossible amount (035.00) by its only alternative that is printed elsewhere."""
    if not re.match(r"\D*0\d", amount.word.text):
        return amount
    others = [value for value, _ in alternatives(amount) if value in printed]
    return replace(amount, value=others[0]) if len(set(others)) == 1 else amount
