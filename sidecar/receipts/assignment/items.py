"""Items from the roles of tokens: name, quantity, unit price and discounts of each price."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.explain import Explanation
from sidecar.receipts.assignment.name_ends import Name
from sidecar.receipts.assignment.names import name_on_line, names_of
from sidecar.receipts.roles.roles import Role
from sidecar.receipts.units import unit_of

_TOLERANCE = Decimal("1.1")
"""How far a product may be off its price, in the last digit that amounts have."""
_NO_NUMBER = 0.7  # probability from which a number is part of a name
_MIN_PRODUCT = 0.25
_MAX_QUANTITY = Decimal(10_000)
_COUNT_BEFORE_PRICE = re.compile(r"[^\W\d_]\s+[xX×]\s?([2-9]|[1-9]\d)\s*(?:[^\w\s]\s*)?$")
_COUNT = re.compile(r"\s+[xX×](?:\s?\d{1,2})?$")


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


def items_of(evidence: Evidence, explanation: Explanation) -> list[ReadItem]:
    """Return the items of an explanation, with the discounts that are printed among them."""
    prices = list(explanation.items())
    rows = [evidence.tokens[index].row for index in prices]
    first_sum = _first_sum(evidence, rows)
    names = names_of(evidence, prices, first_sum)
    values = {index: abs(value) for index, _, value in evidence.amounts()}
    items = [
        _item(evidence, index, name, values) for index, name in zip(prices, names, strict=True)
    ]
    items = _with_quantities_beside(evidence, items, values, rows, first_sum)
    for index, role in explanation.parts:
        if role is Role.DISCOUNT:
            token = evidence.tokens[index]
            assert token.value is not None
            amount = abs(token.value)
            k = _discounted(items, rows, token.row, amount, evidence)
            if k is not None:
                items[k] = _with_discount(items[k], amount, token.row)
            elif token.row < first_sum:
                item = _item(evidence, index, name_on_line(evidence, index), values)
                items.append(replace(item, total=-amount))
    return sorted(items, key=lambda item: item.total_token)


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


def _item(evidence: Evidence, index: int, name: Name, values: Mapping[int, Decimal]) -> ReadItem:
    token = evidence.tokens[index]
    assert token.value is not None
    quantity, unit, each, proved = _quantity(evidence, index, name.rows, values)
    text = name.text
    counted = _counted_behind(evidence, index)
    if counted is not None and quantity in (1, counted):
        quantity, text = counted, _COUNT.sub("", text)
    return ReadItem(
        name=text or token.text,
        name_confidence=name.confidence,
        total=token.value,
        total_token=index,
        quantity=quantity,
        unit=unit,
        unit_price=each,
        proved=proved,
        rows=name.rows,
    )


def _counted_behind(evidence: Evidence, price: int) -> Decimal | None:
    """Return the count that stands behind a name, right before its price: EGGS X 2 4.00."""
    token = evidence.tokens[price]
    before = evidence.receipt.texts[token.row][: token.start]
    match = _COUNT_BEFORE_PRICE.search(before)
    return Decimal(match[1]) if match else None


def _quantity(
    evidence: Evidence, price: int, rows: tuple[int, ...], values: Mapping[int, Decimal]
) -> tuple[Decimal, str | None, Decimal | None, bool]:
    """Return quantity, unit, unit price, and whether their product is the price.

    `values` are all numbers of the receipt without their signs, by the index of the token.
    """
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


def _with_quantities_beside(
    evidence: Evidence,
    items: Sequence[ReadItem],
    values: Mapping[int, Decimal],
    rows: Sequence[int],
    end: int,
) -> list[ReadItem]:
    """Return the items with the quantities of lines of their own, above or below: "3 x 0,99"."""
    used = {row for item in items for row in item.rows}
    found = []
    for k, item in enumerate(items):
        above = range(rows[k] - 1, rows[k - 1] if k else max(-1, rows[k] - 3), -1)
        below = range(rows[k] + 1, rows[k + 1] if k + 1 < len(rows) else min(end, rows[k] + 3))
        near = [row for row in (*list(below)[:2], *list(above)[:2]) if row not in used]
        best: tuple[float, ReadItem] | None = None
        for row in near if not item.proved or item.quantity == 1 else ():
            quantity, unit, each, proved = _quantity(evidence, item.total_token, (row,), values)
            trust = sum(
                max(evidence.role(i, Role.QUANTITY), evidence.role(i, Role.UNIT_PRICE))
                for i in evidence.of_row(row)
            )
            if proved and quantity != 1 and (best is None or trust > best[0]):
                rest = replace(item, quantity=quantity, unit=unit, unit_price=each, proved=True)
                best = trust, replace(rest, rows=tuple(sorted((*item.rows, row))))
        if best is not None:
            item = best[1]
            used.update(item.rows)
        found.append(item)
    return found


def _product(
    evidence: Evidence, q: int, u: int, values: Mapping[int, Decimal], total: Decimal
) -> tuple[float, int, int]:
    """Return how likely two numbers are quantity and unit price: 0 if their product is another."""
    quantity, each = values[q], values[u]
    same_row = evidence.tokens[q].row == evidence.tokens[u].row
    whole = quantity == int(quantity) and each == int(each)
    tolerance = 0 if whole else _TOLERANCE.scaleb(-evidence.receipt.format.decimals)
    if not same_row or quantity > _MAX_QUANTITY or abs(quantity * each - total) > tolerance:
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
