"""What the model sees of a receipt: hashed character n-grams, and figures of place and arithmetic."""

import math
import re
import statistics
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.roles.tokens import Token, TokenizedReceipt
from sidecar.receipts.roles.vocabulary import MEANINGS, phrases_in

BUCKETS = 1 << 14
_MAX_NGRAMS = 16  # of one token
_MAX_TOKENS = 28  # of one line; the rest of a longer line is not seen
MAX_LINES = 1000
_MAX_TERMS = 40  # rows above that a sum may reach up

LINE_FIGURES = 14 + 2 * len(MEANINGS)
TOKEN_FIGURES = 34 + 2 * len(MEANINGS)


@dataclass(frozen=True, slots=True)
class Features:
    """Of a receipt with L lines of at most A tokens."""

    ngrams: npt.NDArray[np.int32]
    """(tokens, n): buckets of each token's n-grams, 1 to BUCKETS - 1; 0 pads."""
    figures: npt.NDArray[np.float32]
    """(tokens, TOKEN_FIGURES)."""
    line_figures: npt.NDArray[np.float32]
    """(L, LINE_FIGURES)."""
    line: npt.NDArray[np.int32]
    """(tokens,): the line of each token, in order."""
    position: npt.NDArray[np.int32]
    """(tokens,): its place in the line."""
    tokens: tuple[Token, ...]


def features_of(receipt: TokenizedReceipt) -> Features:
    """Return the features of all tokens, line by line."""
    lines = [line[:_MAX_TOKENS] for line in receipt.lines[:MAX_LINES]]
    tokens = [token for line in lines for token in line]
    arithmetic = _Arithmetic(lines)
    page = _Page(receipt)
    ngrams = np.zeros((len(tokens), _MAX_NGRAMS), dtype=np.int32)
    figures = np.zeros((len(tokens), TOKEN_FIGURES), dtype=np.float32)
    line_figures = np.zeros((len(lines), LINE_FIGURES), dtype=np.float32)
    index = 0
    for number, line in enumerate(lines):
        folded = [fold(token.text) if token.value is None else "" for token in line]
        meanings = np.zeros(len(MEANINGS), dtype=np.float32)
        at: dict[int, list[int]] = {}
        words = sum(1 for word in folded if word and word[0].isalpha())
        for phrase in phrases_in(folded):
            share = (phrase.end - phrase.start) / max(1, words)
            meanings[phrase.meaning] = max(meanings[phrase.meaning], 0.4 + 0.6 * share)
            for place in range(phrase.start, phrase.end):
                at.setdefault(place, []).append(phrase.meaning)
        line_figures[number, : len(MEANINGS)] = meanings
        line_figures[number, 2 * len(MEANINGS) :] = page.figures(number, line, arithmetic)
        before: list[int] = []
        for place, token in enumerate(line):
            for n, gram in enumerate(_ngrams(token, folded[place])):
                if n == _MAX_NGRAMS:
                    break
                ngrams[index, n] = 1 + zlib.crc32(gram.encode()) % (BUCKETS - 1)
            row = figures[index]
            row[at.get(place, [])] = 1.0
            before = at.get(place, before)
            row[[len(MEANINGS) + meaning for meaning in before]] = 1.0  # the last phrase before
            row[2 * len(MEANINGS) :] = _token_figures(token, place, line, arithmetic, page)
            index += 1
    for number in range(1, len(lines)):  # the meanings of the line above, if it has no amount
        if not arithmetic.has_money(number - 1):
            above = line_figures[number - 1, : len(MEANINGS)]
            line_figures[number, len(MEANINGS) : 2 * len(MEANINGS)] = above
    positions = [place for line in lines for place in range(len(line))]
    return Features(
        ngrams,
        figures,
        line_figures,
        np.array([token.row for token in tokens], dtype=np.int32),
        np.array(positions, dtype=np.int32),
        tuple(tokens),
    )


def _ngrams(token: Token, folded: str) -> list[str]:
    if token.value is not None or token.text[0].isdigit():
        shape = re.sub(r"\d", "0", token.text)
        return ["#" + shape, f"#len{min(9, len(shape))}", "#" + shape[-3:]]
    if not folded or not folded[0].isalpha():
        return ["'" + token.text]
    framed = f"^{folded[:24]}$"
    grams = [framed, "^" + folded[:2], folded[-2:] + "$"]
    for size in (3, 4):
        grams += [framed[i : i + size] for i in range(len(framed) - size + 1)]
    return grams


class _Arithmetic:
    """Which amounts of a receipt explain others."""

    def __init__(self, lines: Sequence[Sequence[Token]]) -> None:
        money = [t for line in lines for t in line if t.money and not t.percent]
        self.cents = {id(t): _cents(t.value) for line in lines for t in line if t.value is not None}
        self.counts = Counter(abs(self.cents[id(t)]) for t in money)
        self.largest = max(self.counts, default=0)
        self._lines = lines
        self._last = [self._last_of(line) for line in lines]
        self.money_rows = [n for n, last in enumerate(self._last) if last is not None]
        self.order = {id(t): n for n, t in enumerate(money)}
        self._money = money
        self.sums = self._sums()
        self.products, self.factors = self._products()
        values = sorted(self.counts, reverse=True)[:60]
        present = set(values)
        pairs = Counter(a + b for i, a in enumerate(values) for b in values[i + 1 :] if b)
        self.pair_sums = {value for value in present if pairs[value]}
        self.pair_parts = {b for a in values for b in values if b and b < a and a - b in present}
        self.first_largest = next(
            (n for n, t in enumerate(money) if abs(self.cents[id(t)]) == self.largest), len(money)
        )

    def has_money(self, row: int) -> bool:
        return self._last[row] is not None

    def _last_of(self, line: Sequence[Token]) -> Token | None:
        return next((t for t in reversed(line) if t.money and not t.percent), None)

    def _sums(self) -> dict[int, int]:
        """Return, for tokens that are the sum of the last amounts of rows above them, how many."""
        found: dict[int, int] = {}
        column: list[int] = []
        for number, line in enumerate(self._lines):
            for token in line:
                if token.money and not token.percent and abs(self.cents[id(token)]) > 0:
                    value, total = abs(self.cents[id(token)]), 0
                    for terms, term in enumerate(reversed(column[-_MAX_TERMS:]), start=1):
                        total += term
                        if terms > 1 and abs(total - value) <= 10:
                            found[id(token)] = terms
                            break
            last = self._last[number]
            if last is not None:
                column.append(self.cents[id(last)])
        return found

    def _products(self) -> tuple[set[int], dict[int, int]]:
        """Return the tokens that are the product of two numbers of their or the next rows, and the
        factors (1: the first of the two, 2: the second).
        """
        products: set[int] = set()
        factors: dict[int, int] = {}
        for number, line in enumerate(self._lines):
            near = [t for row in self._lines[max(0, number - 1) : number + 2] for t in row]
            numbers = [t for t in near if t.value is not None and not t.percent][:14]
            for token in line:
                if not token.money or token.percent or not self.cents[id(token)]:
                    continue
                target = abs(self.cents[id(token)])
                for i, a in enumerate(numbers):
                    for b in numbers[i + 1 :]:
                        if (
                            token is a
                            or token is b
                            or (a.row != b.row)
                            or not (a.value and b.value)
                        ):
                            continue
                        if abs(abs(a.value * b.value) * 1000 - target) <= 11 and 1000 not in (
                            abs(self.cents[id(a)]),
                            abs(self.cents[id(b)]),
                        ):
                            products.add(id(token))
                            factors.setdefault(id(a), 1)
                            factors.setdefault(id(b), 2)
        return products, factors


class _Page:
    """Where lines stand, and how large they are."""

    def __init__(self, receipt: TokenizedReceipt) -> None:
        self._rows = receipt.rows
        self._count = max(1, len(receipt.rows))
        self._height = statistics.median([row.height for row in receipt.rows] or [1.0]) or 1.0
        self._left = min((row.left for row in receipt.rows), default=0.0)
        self._width = max(1.0, max((row.right for row in receipt.rows), default=1.0) - self._left)

    def x(self, pixels: float) -> float:
        return (pixels - self._left) / self._width

    def gap(self, left: float, right: float) -> float:
        return min(4.0, max(0.0, (right - left) / self._height)) / 4

    def figures(self, number: int, line: Sequence[Token], arithmetic: _Arithmetic) -> list[float]:
        row = self._rows[number]
        letters = [char for char in row.text if char.isalpha()]
        digits = sum(char.isdigit() for char in row.text)
        above = self._rows[number - 1] if number else None
        first = arithmetic.money_rows[0] if arithmetic.money_rows else self._count
        last = arithmetic.money_rows[-1] if arithmetic.money_rows else self._count
        return [
            number / self._count,
            min(1.0, number / 10),
            min(1.0, (self._count - number) / 10),
            float(number < first),
            float(number > last),
            min(1.0, len(letters) / 30),
            min(1.0, digits / 20),
            sum(map(str.isupper, letters)) / max(1, len(letters)),
            min(2.0, row.height / self._height) / 2,
            min(1.0, (row.middle - above.middle) / self._height / 4) if above else 1.0,
            self.x(row.left),
            self.x(row.right),
            min(1.0, sum(t.money for t in line) / 4),
            float(row.text.rstrip().endswith(":")),
        ]


def _cents(value: Decimal | None) -> int:
    return round((value or 0) * 1000)


def _token_figures(
    token: Token, place: int, line: Sequence[Token], arithmetic: _Arithmetic, page: _Page
) -> list[float]:
    before = line[place - 1] if place else None
    after = line[place + 1] if place + 1 < len(line) else None
    numbers = [t for t in line if t.value is not None]
    letter = token.text[0].isalpha()
    base = [
        float(letter),
        float(token.value is not None),
        float(not letter and token.value is None and not token.text[0].isdigit()),
        float(place == 0),
        float(after is None),
        float(token.glued),
        float(after is not None and after.glued),
        min(1.0, place / 8),
        min(1.0, (len(line) - 1 - place) / 8),
        page.x(token.left),
        page.x(token.right),
        page.gap(before.right, token.left) if before else 1.0,
        page.gap(token.right, after.left) if after else 1.0,
        min(1.0, len(token.text) / 12),
        float(token.text.isupper()),
    ]
    if token.value is None:
        return [*base, *[0.0] * (TOKEN_FIGURES - 2 * len(MEANINGS) - len(base))]
    cents = arithmetic.cents[id(token)]
    value = abs(cents)
    rank = sum(t.value is not None for t in line[place + 1 :])
    order = arithmetic.order.get(id(token), -1)
    same = arithmetic.counts[value] if token.money else 0
    return [
        *base,
        float(token.money),
        float(token.percent),
        float(cents < 0),
        float(value == 0),
        float(token.value == token.value.to_integral_value()),
        min(1.0, math.log10(1 + abs(float(token.value))) / 7),
        float(rank == 0),
        float(rank == 1),
        min(1.0, len(numbers) / 5),
        float(token.money and value == arithmetic.largest),
        min(1.0, value / arithmetic.largest) if arithmetic.largest else 0.0,
        min(1.0, max(0, same - 1) / 3),
        float(id(token) in arithmetic.sums),
        min(1.0, arithmetic.sums.get(id(token), 0) / 8),
        float(id(token) in arithmetic.products),
        float(arithmetic.factors.get(id(token)) == 1),
        float(arithmetic.factors.get(id(token)) == 2),
        float(token.money and value in arithmetic.pair_sums)
        + 0.5 * float(token.money and value in arithmetic.pair_parts),
        float(order > arithmetic.first_largest >= 0),
    ]
