"""Numbers as the world prints them, and the one way in which a receipt writes its amounts.

1,234.56 · 1.234,56 · 1,23,456.00 · 1'234.50 · 1 234,56 · ,70 · 59.000 · 69,000 · 4900 · 0.750 · *8,75 · (2.00) · 11.60-

Whether 59.000 is fifty-nine or fifty-nine thousand no number says by itself: `format_of` counts over
all of a receipt's numbers.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Mark = Literal[".", ","]

NUMBER = re.compile(
    r"(?<!\d)\d{1,3}(?:\u00a0\d{3})+(?:[.,]\d{1,2})?(?![\d.,])"  # grouped by blanks, see tokens.py
    r"|\d+(?:[.,'’]\d+)*"
    r"|(?<![\d.,])[.,]\d{2}(?![\d.,])"  # ,70
)
_SEPARATOR = re.compile(r"[.,'’\u00a0]")
_MAX_DIGITS = 11  # of an amount; longer runs are codes


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a receipt writes amounts: digits after the mark (0, 2 or 3), and the mark."""

    decimals: int = 2
    mark: Mark = "."


_USUAL = NumberFormat()


def format_of(lines: Iterable[str], expected: NumberFormat = _USUAL) -> NumberFormat:
    """Return the format that most of the numbers fit; `expected` if none tells.

    The last number of a line counts more: that is where amounts stand.
    """
    votes: dict[tuple[int, str], float] = defaultdict(float)
    fractions = 0.0
    for line in lines:
        numbers = [m for m in NUMBER.finditer(line) if not _is_no_amount(line, m)]
        for match in numbers:
            weight = 1.0 if match is numbers[-1] else 0.3
            groups = _SEPARATOR.split(match.group())
            if len("".join(groups)) > _MAX_DIGITS:
                continue
            separators = _SEPARATOR.findall(match.group())
            if not separators:
                if len(groups[0]) >= 3 and match is numbers[-1] and groups[0][-1] == "0":
                    votes[0, "."] += 0.25
            elif len(groups[-1]) == 2 and _is_grouped(groups[:-1], separators[:-1]):
                votes[2, separators[-1]] += weight
            elif len(groups[-1]) == 3 and _is_grouped(groups, separators) and groups[0]:
                votes[0, separators[-1]] += weight
                fractions += weight if groups[0] == "0" else 0.0
    two = votes[2, "."] + votes[2, ","]
    none = sum(weight for (decimals, _), weight in votes.items() if decimals == 0)
    if not two and not none:
        return expected
    if two >= none:
        return NumberFormat(2, "," if votes[2, ","] > votes[2, "."] else ".")
    grouping = "." if votes[0, "."] > votes[0, ","] else ","
    if fractions >= 0.2 * none and fractions >= 2:
        return NumberFormat(3, grouping)  # type: ignore[arg-type]  # the mark of 0.750
    return NumberFormat(0, "," if grouping == "." else ".")


def _is_grouped(groups: Sequence[str], separators: Sequence[str]) -> bool:
    """Return whether digits are in groups of three, or as in India: 1,23,456 and 1,23,45,678."""
    if all(len(group) == 3 for group in groups[1:]):
        return True
    *middle, last = groups[1:]
    return (
        set(separators) == {","}
        and len(groups[0]) in (1, 2)
        and all(len(group) == 2 for group in middle)
        and len(last) == 3
    )


def _is_no_amount(line: str, match: re.Match[str]) -> bool:
    """Whether a number is part of a time, a date, a rate or a code."""
    before, after = line[: match.start()], line[match.end() :]
    return bool(
        re.match(r"\s?%|[:/]\d|-\d", after)
        or re.search(r"\d[:/-]$", before)
        or (
            len(_SEPARATOR.findall(match.group())) > 1
            and any(len(g) not in (2, 3) for g in _SEPARATOR.split(match.group())[1:])
        )
    )


def value_of(text: str, written: NumberFormat) -> tuple[Decimal, bool] | None:
    """Return a number's value, and whether it is written as the receipt's amounts are; None for
    what is no number (a date, a code of several parts).
    """
    groups, separators = _SEPARATOR.split(text), _SEPARATOR.findall(text)
    digits = "".join(groups)
    if not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        return None
    tail = groups[-1]
    if not separators:
        plain = 3 <= len(digits) <= 8 and not digits.startswith("0")
        return Decimal(digits), written.decimals == 0 and (plain or digits == "0")
    whole = len(tail) == 3 and written.decimals != 3
    if not _is_grouped(*((groups, separators) if whole else (groups[:-1], separators[:-1]))):
        return None
    as_fraction = Decimal(f"{''.join(groups[:-1]) or '0'}.{tail}")
    if whole:
        grouped = 1 <= len(groups[0]) <= 3 and groups[0] != "0"
        if written.decimals == 0:
            weight = len(groups) == 2 and separators[-1] == written.mark  # 1,120 KG X 4.990
            return (as_fraction, False) if weight or not grouped else (Decimal(digits), True)
        if grouped and (len(groups) > 2 or separators[-1] != written.mark):
            return Decimal(digits), False
        return as_fraction, False
    if len(tail) > 4 or (len(groups) > 2 and len(set(separators)) == 1 and len(tail) != 2):
        return None
    if written.decimals == 0:
        return as_fraction, len(tail) == 2 and len(groups) > 2
    return as_fraction, len(tail) == written.decimals
