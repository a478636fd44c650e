"""Second readings of single amounts, where the recognizer itself doubted a character.

No amount is changed because a sum asks for it: only to a character that the recognizer held likely
too, only one in a receipt, and only if a single such change explains the total.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.roles.numbers import value_of
from sidecar.receipts.roles.roles import Role
from sidecar.receipts.roles.tokens import Token, word_at

_MIN_PART = 0.1  # probability of an amount to have a part in the sum, for a change to be tried
_MAX_DOUBTS = 24


@dataclass(frozen=True, slots=True)
class Doubt:
    """A token with the value that it has by the recognizer's second reading."""

    index: int
    value: Decimal
    evidence: Evidence
    """The receipt with that value."""

    @property
    def warning(self) -> str:
        token = self.evidence.tokens[self.index]
        return (
            f"{token.text} was read as {abs(self.value)}: the recognizer doubted a character, and "
            "the amounts add up with its second reading."
        )


def doubts(evidence: Evidence) -> Iterator[Doubt]:
    """Yield the receipts in which one doubted character of an amount is its runner-up."""
    found = 0
    for index, token, _ in evidence.amounts():
        parts = (Role.ITEM, Role.DISCOUNT, Role.TAX, Role.CHARGE, Role.TOTAL)
        if not token.money or max(evidence.role(index, role) for role in parts) < _MIN_PART:
            continue
        for value in _second_readings(evidence, token):
            found += 1
            if found > _MAX_DOUBTS:
                return
            yield Doubt(index, value, _with_value(evidence, index, value))


def _second_readings(evidence: Evidence, token: Token) -> Iterator[Decimal]:
    word = word_at(evidence.receipt.rows[token.row], token.start)
    if len(word.glyphs) != len(word.text) or token.value is None:
        return
    first = evidence.receipt.rows[token.row].text.rfind(word.text, 0, token.start + len(word.text))
    for place in range(token.start, token.end):
        offset = place - first
        if not 0 <= offset < len(word.glyphs):
            continue
        second = word.glyphs[offset].runner_up
        if second.isdecimal() and second != token.text[place - token.start]:
            text = (
                token.text[: place - token.start] + second + token.text[place - token.start + 1 :]
            )
            read = value_of(text, evidence.receipt.format)
            if read is not None:
                yield -read[0] if token.value < 0 else read[0]


def _with_value(evidence: Evidence, index: int, value: Decimal) -> Evidence:
    tokens = list(evidence.tokens)
    tokens[index] = replace(tokens[index], value=value)
    features = replace(evidence.features, tokens=tuple(tokens))
    return replace(evidence, features=features)
