"""Names of items: the words of a price's line, or of the lines above or below it.

A receipt has one layout: where prices stand alone, all their names are above them, or all below.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.name_ends import EDGES, Name, cleaned, letters_in
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.vocabulary import MEANINGS

_NAME = 0.5  # probability from which a token belongs to a name
_BESIDE_WORD, _BESIDE = 0.05, 0.2  # ... beside one that does: a word, another token
_ATTACHED = 0.4  # probability from which a line continues the name of an item
_ALONE = 0.12  # ... or is a part of the name of a price without a name
_FAT = 6  # percent below which a rate beside a name is one of fat; above it is one of tax
_LEAST = 0.005  # ... if no line is likelier
_SUMMARY = [
    MEANINGS.index(meaning) for meaning in ("total", "subtotal", "tax", "cash", "change", "count")
]
_MEANT = 0.75  # of a line's figure for a meaning, from which it is what the line says
_COUNTED = 0.6  # probability from which a number is a quantity or a unit price
_UNIT_LETTERS = 4  # at most, of a unit
_MAX_GAP = 4  # lines between a price and a line of its name


def names_of(evidence: Evidence, prices: Sequence[int], end: int) -> list[Name]:
    """Return the name of each price, a token's index; `end` is the first row of the summary."""
    rows = [evidence.tokens[index].row for index in prices]
    own = [_on_row(evidence, row, price) for row, price in zip(rows, prices, strict=True)]
    alone = [k for k, (text, _) in enumerate(own) if letters_in(text) < 2]
    weak = {k: _weak_on_row(evidence, rows[k], prices[k]) for k in alone}
    lines = _lines_of_names(evidence, rows, {k: w[1] for k, w in weak.items()}, end)
    names = []
    for k, (text, confidence) in enumerate(own):
        parts = {rows[k]: text} if text and k not in alone else {}
        sure = [confidence] if parts else []
        for row in lines.get(k, ()):
            parts[row] = _whole_row(evidence, row)
            sure.append(_likeness(evidence, row))
        joined = " ".join(part for _, part in sorted(parts.items()) if part)
        if letters_in(joined) < 2 and k in weak:
            joined, sure = weak[k][0], [min(0.3, weak[k][1])]
        names.append(
            Name(joined.strip(EDGES), min(sure, default=0.1), tuple(sorted({*parts, rows[k]})))
        )
    return cleaned(evidence, names)


def name_on_line(evidence: Evidence, price: int) -> Name:
    """Return the name on the line of an amount, whatever stands around it."""
    row = evidence.tokens[price].row
    text, confidence = _on_row(evidence, row, price)
    if letters_in(text) < 2:
        text, confidence = _weak_on_row(evidence, row, price)
    return Name(text.strip(EDGES), confidence, (row,))


def _likeness(evidence: Evidence, row: int) -> float:
    """Return how likely a line without a price is a name, or a part of one."""
    return min(
        1.0,
        evidence.line(row, LineClass.NAME_ABOVE)
        + evidence.line(row, LineClass.NAME_BELOW)
        + 0.3 * _best_word(evidence, row),
    )


def _best_word(evidence: Evidence, row: int) -> float:
    return max((evidence.role(i, Role.NAME) for i in evidence.of_row(row)), default=0.0)


def _lines_of_names(
    evidence: Evidence, rows: Sequence[int], weak: Mapping[int, float], end: int
) -> Mapping[int, tuple[int, ...]]:
    """Return, by the item, the other lines that its name stands on.

    `weak` has the items whose line hardly has a name, with the probability that it has.
    """
    alone = list(weak)
    gaps = _gaps(evidence, rows, end)
    above = sum(_log_chance(evidence, gaps[k], LineClass.NAME_ABOVE) for k in alone)
    below = sum(_log_chance(evidence, gaps[k + 1], LineClass.NAME_BELOW) for k in alone)
    names_above = above >= below
    taken: set[int] = set()
    found: dict[int, tuple[int, ...]] = {}
    for k in alone:
        gap = gaps[k] if names_above else gaps[k + 1]
        near = [row for row in (reversed(gap) if names_above else gap) if _may_name(evidence, row)]
        chances = [_likeness(evidence, row) for row in near]
        if max(chances, default=0.0) < weak[k]:
            continue
        kept = _run_of_names(near, chances)
        if kept:
            taken.update(kept)
            found[k] = tuple(sorted(kept))
    for k in range(len(rows)):
        if k in alone:
            continue
        kept = []
        for row in gaps[k + 1][:_MAX_GAP]:
            p = evidence.line(row, LineClass.NAME_BELOW)
            if row in taken or p < max(_ATTACHED, evidence.line(row, LineClass.NAME_ABOVE)):
                break
            kept.append(row)
        for row in reversed(gaps[k][-_MAX_GAP:]):
            if row in taken or evidence.line(row, LineClass.NAME_ABOVE) < _ATTACHED:
                break
            kept.append(row)
        taken.update(kept)
        found[k] = tuple(sorted(kept))
    return found


def _run_of_names(near: Sequence[int], chances: Sequence[float]) -> list[int]:
    """Return the lines that may be names, from the one nearest to the price until one that isn't;
    if none may be, the likeliest.
    """
    kept: list[int] = []
    for row, chance in zip(near[:_MAX_GAP], chances, strict=False):
        if chance >= _ALONE:
            kept.append(row)
        elif kept:
            break
    if not kept and max(chances, default=0.0) >= _LEAST:
        kept = [near[max(range(len(near)), key=lambda n: chances[n] - 0.01 * n)]]
    return kept


def _gaps(evidence: Evidence, rows: Sequence[int], end: int) -> list[list[int]]:
    """Return the lines before each item's line and, last, those up to the summary."""
    bounds = [
        max(-1, rows[0] - _MAX_GAP - 1) if rows else -1,
        *rows,
        max(end, (rows or [0])[-1] + 1),
    ]
    gaps = [list(range(a + 1, b)) for a, b in itertools.pairwise(bounds)]
    return gaps if len(gaps) == len(rows) + 1 else [*gaps, []]


def _may_name(evidence: Evidence, row: int) -> bool:
    """Whether a line has letters, and no word of a receipt's summary as a good part of it."""
    meanings = evidence.features.line_figures[row]
    summary = max(float(meanings[index]) for index in _SUMMARY)
    return letters_in(evidence.receipt.rows[row].text) >= 2 and summary < _MEANT


def _log_chance(evidence: Evidence, gap: Sequence[int], side: LineClass) -> float:
    chances = (
        evidence.line(row, side) + 0.2 * _best_word(evidence, row)
        for row in gap
        if _may_name(evidence, row)
    )
    return math.log(0.01 + max(chances, default=0.0))


def _whole_row(evidence: Evidence, row: int) -> str:
    """Return the words of a line without a price: all of them, unless it has amounts."""
    tokens = [evidence.tokens[i] for i in evidence.of_row(row)]
    if any(token.money for token in tokens):
        return _on_row(evidence, row, -1)[0]
    return evidence.receipt.rows[row].text


def _on_row(evidence: Evidence, row: int, price: int) -> tuple[str, float]:
    """Return the name's part of a price's line, and the mean probability of its tokens.

    A name is seldom broken: tokens beside one that is surely named belong to it at a lower
    probability than others.
    """
    text = evidence.receipt.rows[row].text
    words = [i for i in evidence.of_row(row) if i != price and evidence.tokens[i].text[0].isalnum()]
    chances = [evidence.role(i, Role.NAME) for i in words]
    named = [chance >= _NAME for chance in chances]
    if not any(named):
        return "", 0.0
    for order in (range(1, len(words)), range(len(words) - 2, -1, -1)):
        step = -1 if order.step > 0 else 1
        for k in order:
            token = evidence.tokens[words[k]]
            long = len(token.text) >= 3 and token.text.isalpha()
            needed = _BESIDE_WORD if long else _BESIDE
            named[k] = named[k] or (named[k + step] and chances[k] >= needed)
    _add_sizes(evidence, words, named)
    pieces: list[list[int]] = []
    for k, index in enumerate(words):
        token = evidence.tokens[index]
        if named[k] and k and named[k - 1]:
            pieces[-1][1] = token.end
        elif named[k]:
            pieces.append([token.start, token.end])
    parts = [_with_brackets(text, start, end) for start, end in pieces]
    inside = [chance for chance, yes in zip(chances, named, strict=True) if yes]
    return " ".join(parts), sum(inside) / len(inside)


def _add_sizes(evidence: Evidence, words: Sequence[int], named: list[bool]) -> None:
    """Add the sizes beside a name: 150g, 12 X4, 2% - numbers that a letter or a sign is glued to."""
    tokens = [evidence.tokens[i] for i in words]
    for k, token in enumerate(tokens):
        after = evidence.tokens[words[k] + 1] if words[k] + 1 < len(evidence.tokens) else None
        glued = after is not None and after.row == token.row and after.glued
        unit = glued and after is not None and after.text.isalpha()
        if token.value is None or named[k] or (token.money and not unit):
            continue
        counts = evidence.role(words[k], Role.QUANTITY) + evidence.role(words[k], Role.UNIT_PRICE)
        if counts > _COUNTED or not (k and named[k - 1]):
            continue
        size = after is not None and (
            after.text.isalpha() or (token.percent and token.value < _FAT)
        )
        if glued and after is not None and size:
            named[k] = True
            if k + 1 < len(tokens) and tokens[k + 1] is after:
                named[k + 1] = len(after.text) <= _UNIT_LETTERS
        elif token.glued and tokens[k - 1].text.upper() in ("X", "N"):
            named[k] = True


def _weak_on_row(evidence: Evidence, row: int, price: int) -> tuple[str, float]:
    """Return the words before a price, if they may be a name, and the best one's probability."""
    limit = evidence.tokens[price].start
    words = [
        i
        for i in evidence.of_row(row)
        if evidence.tokens[i].start < limit and evidence.tokens[i].text.isalpha()
    ]
    chance = max((evidence.role(i, Role.NAME) for i in words), default=0.0)
    if not words or sum(len(evidence.tokens[i].text) for i in words) < 3:
        return "", 0.0
    text = evidence.receipt.rows[row].text
    return text[evidence.tokens[words[0]].start : evidence.tokens[words[-1]].end], chance


def _with_brackets(text: str, start: int, end: int) -> str:
    """Return a part of a line, with the signs around it that it lacks or ends on."""
    while (
        end < len(text)
        and text[end] in ")%'\""
        and not (text[end] == ")" and text[start:end].count("(") <= text[start:end].count(")"))
    ):
        end += 1
    if (
        start
        and text[start - 1] in "(["
        and text[start:end].count(")") > text[start:end].count("(")
    ):
        start -= 1
    return text[start:end]
