"""Signs that a text is not one receipt with items: several receipts at once, or a card slip."""

import functools
from collections.abc import Iterator
from itertools import pairwise

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.fields.wording import Phrases, fold
from sidecar.receipts.roles.roles import Role
from sidecar.receipts.roles.tokens import Token
from sidecar.receipts.word_lists import load

SEVERAL = "The picture seems to show several receipts; send one at a time."
CARD_SLIP = "This looks like a card slip: it shows a payment and no articles."

_SURE = 0.6  # probability of a total, or of an item
_POSSIBLE = 0.25  # probability of an item
_MIN_ITEMS = 2  # between two totals
_MIN_ROWS = 3  # with an amount at both sides of a gap
_CROSSING = 0.1  # share of the rows that may have a word across the gap
_SLIP_PHRASES = 3


def several_receipts(evidence: Evidence) -> bool:
    """Whether items follow one total and another total follows them, or two lists stand abreast."""
    totals = [
        (token.row, abs(value))
        for index, token, value in evidence.amounts()
        if evidence.role(index, Role.TOTAL) >= _SURE
    ]
    items = [
        token.row
        for index, token, _ in evidence.amounts()
        if evidence.role(index, Role.ITEM) >= _SURE
    ]
    for number, (first, value) in enumerate(totals):
        for second, other in totals[number + 1 :]:
            between = sum(first < row < second for row in items)
            before = any(row <= first for row in items)
            if value != other and before and between >= _MIN_ITEMS:
                return True
    return _abreast(evidence)


def _abreast(evidence: Evidence) -> bool:
    """Whether rows have words and an amount on both sides of a gap that hardly any word crosses."""
    rows = [line for line in evidence.receipt.lines if line]
    for split in _gaps(rows):
        sides = [
            (
                [t for t in line if t.right <= split],
                [t for t in line if t.left >= split],
                any(t.left < split < t.right for t in line),
            )
            for line in rows
        ]
        double = sum(_priced(left) and _priced(right) for left, right, _ in sides)
        crossing = sum(crosses for _, _, crosses in sides)
        if double >= _MIN_ROWS and crossing <= _CROSSING * len(rows):
            return True
    return False


def _gaps(rows: list[tuple[Token, ...]]) -> Iterator[float]:
    """Yield the middles of the widest gaps of the rows that have an amount before it."""
    for line in rows:
        for before, after in pairwise(line):
            if before.money and after.left - before.right > after.right - after.left > 0:
                yield (before.right + after.left) / 2


def _priced(tokens: list[Token]) -> bool:
    return bool(tokens and tokens[-1].money) and any(
        len(t.text) >= 3 and t.text.isalpha() for t in tokens
    )


def is_card_slip(evidence: Evidence) -> bool:
    """Whether several phrases of card slips stand on a text without items."""
    if any(evidence.role(index, Role.ITEM) >= _POSSIBLE for index, _, _ in evidence.amounts()):
        return False
    texts = [fold(text) for text in evidence.receipt.texts]
    found = {phrase for text in texts for phrase, _ in _slip_phrases().find(text)}
    return len(found) >= _SLIP_PHRASES


@functools.cache
def _slip_phrases() -> Phrases[None]:
    phrases = (phrase for words in load("slips").values() for phrase in words.split("|"))
    return Phrases((phrase, None) for phrase in phrases)
