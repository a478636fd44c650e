"""Items from the roles of tokens: name, quantity, unit price and discounts of each price."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.explain import Explanation
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.tokens import Token
from sidecar.receipts.units import unit_of

_NAME = 0.5  # probability from which a token belongs to a name
_CONTINUED = 0.25  # ... once the token before it does
_ATTACHED = 0.4  # probability from which a line belongs to the item above or below
_FALLBACK = 0.05  # ... to the item below, if that has no name otherwise
_TOLERANCE = Decimal("0.011")
_NO_NUMBER = 0.7  # probability from which a number is part of a name
_MIN_PRODUCT = 0.25
_MAX_QUANTITY = Decimal(10_000)
_EDGES = " \t-–—*#:=.,;/|_'\"`"
_PACK = re.compile(r"\d+(?:[.,]\d+)?\s?(?:g|kg|gr|ml|cl|l|lt|oz|lb|pcs|pk|%)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReadItem:
    """An article with the tokens it was read from."""

    name: str
    name_confidence: float
    total: Decimal
    total_token: int
    quantity: Decimal = Decimal(1)
    unit: str | None = None
    unit_price: Decimal | None = None
    proved: bool = False
    """Whether quantity times unit price is the total."""
    discounts: tuple[Decimal, ...] = ()
    """Positive amounts."""
    rows: tuple[int, ...] = field(default=())

    @property
    def net(self) -> Decimal:
        return self.total - sum(self.discounts, Decimal(0))


def items_of(evidence: Evidence, explanation: Explanation) -> tuple[list[ReadItem], Decimal]:
    """Return the items of an explanation, and the discounts that are of no single item."""
    prices = list(explanation.items())
    rows = [evidence.tokens[index].row for index in prices]
    attached = _attached_rows(evidence, rows)
    items = [_item(evidence, index, attached[k]) for k, index in enumerate(prices)]
    first_sum = _first_sum(evidence, rows)
    rest = Decimal(0)
    for index, role in explanation.parts:
        if role is Role.DISCOUNT:
            token = evidence.tokens[index]
            assert token.value is not None
            amount = abs(token.value)
            k = _discounted(items, rows, token.row, amount, evidence)
            if k is not None:
                items[k] = _with_discount(items[k], amount, token.row)
            elif token.row < first_sum:
                items.append(replace(_item(evidence, index, (token.row,)), total=-amount))
            else:
                rest += amount
    return sorted(items, key=lambda item: item.total_token), rest


def _first_sum(evidence: Evidence, rows: Sequence[int]) -> int:
    """Return the first row below the first item that shows a subtotal or the total."""
    sums = (Role.SUBTOTAL, Role.TOTAL)
    return min(
        (
            token.row
            for index, token, _ in evidence.amounts()
            if evidence.roles[index].argmax() in sums and token.row > min(rows, default=0)
        ),
        default=len(evidence.lines),
    )


def _with_discount(item: ReadItem, amount: Decimal, row: int) -> ReadItem:
    rows = item.rows if row in item.rows else (*item.rows, row)
    return replace(item, discounts=(*item.discounts, amount), rows=rows)


def _discounted(
    items: Sequence[ReadItem], rows: Sequence[int], row: int, amount: Decimal, evidence: Evidence
) -> int | None:
    """Return the item directly above a discount, if it costs as much and no sum is between."""
    above = [k for k, other in enumerate(rows) if other <= row]
    if not above or items[above[-1]].net < amount:
        return None
    k = above[-1]
    for index, _, _ in evidence.amounts():
        between = rows[k] < evidence.tokens[index].row < row
        if between and evidence.roles[index].argmax() in (Role.SUBTOTAL, Role.TOTAL):
            return None
    return k


def _attached_rows(evidence: Evidence, rows: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Return the rows of each item: those of names above and below, in order."""
    attached: dict[int, tuple[int, ...]] = {}
    taken = set(rows)
    for k, row in enumerate(rows):
        following = rows[k + 1] if k + 1 < len(rows) else len(evidence.lines)
        below = []
        for other in range(row + 1, min(following, row + 4)):
            p_below = evidence.line(other, LineClass.NAME_BELOW)
            p_above = evidence.line(other, LineClass.NAME_ABOVE)
            if p_below < _ATTACHED or p_below < p_above:
                break
            below.append(other)
        taken.update(below)
        attached[k] = (row, *below)
    for k, row in enumerate(rows):
        above: list[int] = []
        for other in range(row - 1, max(-1, row - 4), -1):
            if other in taken or evidence.line(other, LineClass.NAME_ABOVE) < _ATTACHED:
                break
            above.insert(0, other)
        taken.update(above)
        attached[k] = (*above, *attached[k])
    return attached


def _item(evidence: Evidence, index: int, rows: tuple[int, ...]) -> ReadItem:
    token = evidence.tokens[index]
    assert token.value is not None
    pieces, certainty = [], []
    for row in rows:
        text, probability = _name_in(evidence, row, index)
        if text:
            pieces.append(text)
            certainty.append(probability)
    if not any(_letters(piece) >= 2 for piece in pieces):
        fallback = _fallback(evidence, token, rows)
        if fallback is not None:
            row, text = fallback
            pieces, certainty = [text], [0.3]
            rows = tuple(sorted({row, *rows}))
    name = " ".join(pieces).strip(_EDGES) or token.text
    quantity = _quantity(evidence, index, rows)
    return ReadItem(
        name=name,
        name_confidence=min(certainty, default=0.1),
        total=token.value,
        total_token=index,
        quantity=quantity[0],
        unit=quantity[1],
        unit_price=quantity[2],
        proved=quantity[3],
        rows=tuple(sorted(rows)),
    )


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _name_in(evidence: Evidence, row: int, price: int) -> tuple[str, float]:
    """Return the name's part of a line, and the least probability of its tokens."""
    text = evidence.receipt.rows[row].text
    indices = [i for i in evidence.of_row(row) if i != price]
    named = [
        i
        for i in indices
        if evidence.role(i, Role.NAME) >= _NAME and evidence.tokens[i].text[0].isalnum()
    ]
    if not named:
        return "", 0.0
    probabilities = [evidence.role(i, Role.NAME) for i in named]
    pieces: list[list[int]] = []
    joined = False  # whether nothing but the name has stood since the last piece
    for i in indices:
        token = evidence.tokens[i]
        if not token.text[0].isalnum():
            continue
        if evidence.role(i, Role.NAME) < (_CONTINUED if joined else _NAME):
            joined = False
        elif joined:
            pieces[-1][1] = token.end
        else:
            pieces.append([token.start, token.end])
            joined = True
    parts = []
    for start, end in pieces:
        while end < len(text) and text[end] in ")%.'’" and _closes(text[start:end], text[end]):
            end += 1
        while (
            start
            and text[start - 1] in "(["
            and text[start:end].count(")") != text[start:end].count("(")
        ):
            start -= 1
        parts.append(text[start:end])
    return " ".join(parts), min(probabilities)


def _closes(text: str, mark: str) -> bool:
    if mark == ")":
        return text.count("(") > text.count(")")
    return mark == "%" and text[-1:].isdigit()


def _fallback(evidence: Evidence, token: Token, rows: tuple[int, ...]) -> tuple[int, str] | None:
    """Return the line that most likely has the name, with its words: the price's or one above."""
    for row in (token.row, token.row - 1, token.row - 2):
        if row < 0 or (row != token.row and row not in rows and _has_item(evidence, row)):
            break
        if row != token.row and evidence.line(row, LineClass.NAME_ABOVE) < _FALLBACK:
            continue
        words = [
            t
            for t in (evidence.tokens[i] for i in evidence.of_row(row))
            if t.value is None
            and t.text[0].isalpha()
            and (row != token.row or t.end <= token.start)
        ]
        if sum(len(t.text) for t in words) >= 3:
            text = evidence.receipt.rows[row].text
            return row, text[words[0].start : words[-1].end]
    return None


def _has_item(evidence: Evidence, row: int) -> bool:
    return any(evidence.roles[i].argmax() == Role.ITEM for i in evidence.of_row(row))


def _quantity(
    evidence: Evidence, price: int, rows: tuple[int, ...]
) -> tuple[Decimal, str | None, Decimal | None, bool]:
    """Return quantity, unit, unit price, and whether their product is the price."""
    values = {index: abs(value) for index, _, value in evidence.amounts()}
    total = values[price]
    numbers = [
        index
        for row in rows
        for index in evidence.of_row(row)
        if index != price and values.get(index) and evidence.role(index, Role.NAME) < _NO_NUMBER
    ]
    best = max(
        (_product(evidence, q, u, values, total) for q in numbers for u in numbers if q != u),
        default=(0.0, 0, 0),
    )
    if best[0] > _MIN_PRODUCT:
        return values[best[1]], _unit(evidence, best[1]), values[best[2]], True
    for q in sorted(numbers, key=lambda index: -evidence.role(index, Role.QUANTITY))[:1]:
        if evidence.role(q, Role.QUANTITY) >= 0.5 and values[q] <= _MAX_QUANTITY:
            return values[q], _unit(evidence, q), None, False
    for u in sorted(numbers, key=lambda index: -evidence.role(index, Role.UNIT_PRICE))[:1]:
        ratio = total / values[u]
        if evidence.role(u, Role.UNIT_PRICE) >= 0.5 and ratio == int(ratio) and 1 <= ratio < 1000:
            return ratio.quantize(Decimal(1)), None, values[u], True
    return Decimal(1), None, None, False


def _product(
    evidence: Evidence, q: int, u: int, values: Mapping[int, Decimal], total: Decimal
) -> tuple[float, int, int]:
    """Return how likely two numbers are quantity and unit price: 0 if their product is another."""
    quantity, each = values[q], values[u]
    same_row = evidence.tokens[q].row == evidence.tokens[u].row
    if not same_row or quantity > _MAX_QUANTITY or abs(quantity * each - total) > _TOLERANCE:
        return 0.0, q, u
    score = evidence.role(q, Role.QUANTITY) + evidence.role(u, Role.UNIT_PRICE)
    score += 0.2 * (evidence.tokens[u].money and not evidence.tokens[q].money)
    score += 0.3 * (each != total)
    return score, q, u


def _unit(evidence: Evidence, index: int) -> str | None:
    """Return the unit printed right behind a quantity."""
    token = evidence.tokens[index]
    after = index + 1
    if after < len(evidence.tokens) and evidence.tokens[after].row == token.row:
        return unit_of(evidence.tokens[after].text)
    return None
