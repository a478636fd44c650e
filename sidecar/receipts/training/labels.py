"""Labels of single tokens and lines, found by aligning a receipt's text with its labeled fields.

The data say which items and which total a receipt has, not where they are printed. Items are aligned
in order by price and name; what subtotals, taxes and payments are, the words before them tell.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rapidfuzz import fuzz

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.tokens import Token, TokenizedReceipt
from sidecar.receipts.roles.vocabulary import MEANINGS, phrases_in

IGNORED = -100
_BY_MEANING = {
    "subtotal": Role.SUBTOTAL, "tax": Role.TAX, "cash": Role.PAID, "card": Role.PAID,
    "change": Role.CHANGE, "discount": Role.DISCOUNT, "charge": Role.CHARGE,
    "rounding": Role.CHARGE,
}  # fmt: skip
_SIMILAR = 55  # of a name to the words near its price
_CODE_DIGITS = 6  # from which a number is a code and no part of a name
_NAMED = 70  # of a line's words to be the name


@dataclass(frozen=True, slots=True)
class Labels:
    """The role of each token, and the class of each line; IGNORED where nobody knows."""

    roles: tuple[tuple[int, ...], ...]
    lines: tuple[int, ...]


def labels_of(receipt: TokenizedReceipt, truth: Mapping[str, Any]) -> Labels:
    """Align a receipt with `truth`: merchant, total and items, as in the training data."""
    scale = scale_of(receipt, truth)
    total = Decimal(truth["total"]) * scale if truth.get("total") else None
    items = truth.get("items")
    roles = [[Role.OTHER if items else IGNORED for _ in line] for line in receipt.lines]
    lines: list[int] = [LineClass.NONE if items else IGNORED for _ in receipt.lines]
    _label_by_words(receipt, total, roles)
    if items:
        prices = [(item, abs(Decimal(str(_price(item)))) * scale) for item in items]
        _label_items(receipt, prices, roles, lines)
    _label_merchant(receipt, truth.get("merchant"), lines)
    return Labels(tuple(map(tuple, roles)), tuple(lines))


def _price(item: Mapping[str, Any]) -> object:
    return item["total_price"] if "total_price" in item else item["total"]


def scale_of(receipt: TokenizedReceipt, truth: Mapping[str, Any]) -> Decimal:
    """Return 1000 for labels that read 59.000 as 59."""
    if receipt.format.decimals or not truth.get("total"):
        return Decimal(1)
    total = Decimal(truth["total"])
    values = {abs(t.value) for line in receipt.lines for t in line if t.value is not None}
    return Decimal(1000) if total not in values and total * 1000 in values else Decimal(1)


def _label_by_words(
    receipt: TokenizedReceipt, total: Decimal | None, roles: list[list[int]]
) -> None:
    above: list[int] = []
    printed: dict[Role, tuple[int, int]] = {}  # where the total stands, by its words
    for number, line in enumerate(receipt.lines):
        folded = [fold(token.text) if token.value is None else "" for token in line]
        ends = {p.end: p.meaning for p in sorted(phrases_in(folded), key=lambda p: p.end - p.start)}
        meaning = above[-1] if above and not any(w[:1].isalpha() for w in folded) else None
        above = []
        for place, token in enumerate(line):
            if place in ends:
                meaning = ends[place]
            if not token.money or token.percent:
                continue
            assert token.value is not None
            role = _BY_MEANING.get(MEANINGS[meaning]) if meaning is not None else None
            if total is not None and abs(token.value) == abs(total):
                role = role if role in (Role.SUBTOTAL, Role.PAID) else Role.TOTAL
                roles[number][place] = role
                printed[role] = number, place
            elif role is not None and not (
                role in (Role.TAX, Role.CHARGE, Role.DISCOUNT)
                and total is not None
                and abs(token.value) > abs(total)
            ):
                roles[number][place] = role
        if len(line) in ends or (ends and not any(t.money for t in line)):
            above = [ends[max(ends)]]
    if printed and Role.TOTAL not in printed:  # "Net amount" is its only line
        number, place = printed.get(Role.SUBTOTAL) or printed[Role.PAID]
        roles[number][place] = Role.TOTAL


def _label_items(
    receipt: TokenizedReceipt,
    prices: Sequence[tuple[Mapping[str, Any], Decimal]],
    roles: list[list[int]],
    lines: list[int],
) -> None:
    places = _align(receipt, prices)
    rows = sorted({token.row for token in places if token is not None})
    _label_discounts(receipt, rows, roles)
    for (item, price), token in zip(prices, places, strict=True):
        if token is None:
            continue
        line = receipt.lines[token.row]
        token = [t for t in line if t.value is not None and abs(t.value) == price][-1]
        roles[token.row][line.index(token)] = Role.ITEM
        lines[token.row] = LineClass.ITEM
        previous = max((row for row in rows if row < token.row), default=-1)
        following = min((row for row in rows if row > token.row), default=len(lines))
        _label_quantity(receipt, item, price, token, (previous, following), roles)
        _label_name(receipt, str(item["name"]), token, (previous, following), roles, lines)


def _label_discounts(
    receipt: TokenizedReceipt, rows: Sequence[int], roles: list[list[int]]
) -> None:
    """Label amounts below zero, from the first item to just after the last, as discounts."""
    if not rows:
        return
    for row in range(rows[0], min(rows[-1] + 4, len(receipt.lines))):
        for place, token in enumerate(receipt.lines[row]):
            negative = token.value is not None and token.value < 0 and token.money
            if negative and roles[row][place] == Role.OTHER:
                roles[row][place] = Role.DISCOUNT


def _align(
    receipt: TokenizedReceipt, prices: Sequence[tuple[Mapping[str, Any], Decimal]]
) -> list[Token | None]:
    """Return the token of each item's price: the order-keeping choice with the best names."""
    tokens = [t for line in receipt.lines for t in line if t.value is not None and not t.percent]
    values = {price for _, price in prices}
    tokens = [t for t in tokens if t.value is not None and abs(t.value) in values]
    best = [[0.0] * (len(tokens) + 1) for _ in range(len(prices) + 1)]
    scores = {}
    for i, (item, price) in enumerate(prices):
        for k, token in enumerate(tokens):
            score = -1.0
            if token.value is not None and abs(token.value) == price:
                likeness = _likeness(receipt, str(item["name"]), token.row)
                score = (1 if token.money else 0.3) + likeness / 50 if likeness >= _SIMILAR else -1
                if len(prices) == 1 and likeness < _SIMILAR and token.money:
                    score = 0.1
            scores[i, k] = score
            best[i + 1][k + 1] = max(
                best[i][k + 1], best[i + 1][k], best[i][k] + score if score > 0 else 0
            )
    places: list[Token | None] = [None] * len(prices)
    i, k = len(prices), len(tokens)
    while i and k:
        if best[i][k] == best[i][k - 1]:
            k -= 1
        elif best[i][k] == best[i - 1][k]:
            i -= 1
        else:
            places[i - 1] = tokens[k - 1]
            i, k = i - 1, k - 1
    return places


def _likeness(receipt: TokenizedReceipt, name: str, row: int) -> float:
    found = 0.0
    for other, factor in ((row, 1.0), (row - 1, 0.95), (row - 2, 0.85), (row + 1, 0.8)):
        if 0 <= other < len(receipt.rows):
            text = fold(receipt.rows[other].text)
            found = max(found, factor * fuzz.partial_token_set_ratio(fold(name), text))
            if factor == 1.0:
                found = max(found, fuzz.token_set_ratio(fold(name), text))
    return found


def _label_quantity(
    receipt: TokenizedReceipt,
    item: Mapping[str, Any],
    price: Decimal,
    token: Token,
    between: tuple[int, int],
    roles: list[list[int]],
) -> None:
    quantity = Decimal(str(item.get("quantity") or item.get("qty") or 1))
    each = price / quantity if quantity else price
    for row in (token.row, token.row + 1, token.row - 1):
        if not between[0] < row < between[1]:
            continue
        found = None
        for place, other in enumerate(receipt.lines[row]):
            if other.value is None or other is token or other.percent:
                continue
            value = abs(other.value)
            if roles[row][place] not in (Role.OTHER, Role.ITEM):
                continue
            if other.money and abs(value - each) <= Decimal("0.006"):
                roles[row][place] = Role.UNIT_PRICE
                found = other
            elif value == quantity and not (other.money and quantity == 1):
                near = receipt.lines[row][max(0, place - 1) : place + 2]
                if (
                    quantity != 1
                    or place == 0
                    or any(t.text in "xX@*×" for t in near)
                    or (place + 1 < len(receipt.lines[row]) and near[-1].value is not None)
                ):
                    roles[row][place] = Role.QUANTITY
                    found = other
        if found is not None and quantity != 1:
            break


def _label_name(
    receipt: TokenizedReceipt,
    name: str,
    token: Token,
    between: tuple[int, int],
    roles: list[list[int]],
    lines: list[int],
) -> None:
    wanted = fold(name)
    ranked = []
    for row in (token.row, token.row - 1, token.row - 2, token.row + 1, token.row + 2):
        if between[0] < row < between[1] and (row == token.row or lines[row] == LineClass.NONE):
            words = " ".join(t.text for t in receipt.lines[row] if t.text[0].isalnum())
            likeness = fuzz.partial_token_set_ratio(wanted, fold(words)) if words else 0
            ranked.append((likeness, row))
    own = _name_tokens(receipt, wanted, token.row, roles)
    covered = sum(len(receipt.lines[token.row][p].text) for p in own)
    chosen = [token.row] if own else []
    for _, row in sorted((r for r in ranked if r[0] >= _NAMED and r[1] != token.row), reverse=True):
        places = _name_tokens(receipt, wanted, row, roles)
        length = sum(len(receipt.lines[row][p].text) for p in places)
        letters = sum(char.isalnum() for char in wanted)
        if length >= 3 and covered + length <= 1.25 * letters + 2 and covered < 0.85 * letters:
            chosen.append(row)
            covered += length
    if covered < 0.5 * sum(char.isalnum() for char in wanted):
        _ignore_words(receipt, range(between[0] + 1, min(token.row + 3, between[1])), roles, lines)
        return
    for row in chosen:
        places = _name_tokens(receipt, wanted, row, roles)
        for place in range(min(places), max(places) + 1):
            if roles[row][place] == Role.OTHER:
                roles[row][place] = Role.NAME
        if row != token.row:
            lines[row] = LineClass.NAME_ABOVE if row < token.row else LineClass.NAME_BELOW


def _name_tokens(
    receipt: TokenizedReceipt, wanted: str, row: int, roles: list[list[int]]
) -> list[int]:
    """Return the places of a row's tokens that are in a name."""
    parts = re.findall(r"\w+", wanted)
    joined = "".join(parts)
    places = [
        place
        for first, last in _glued(receipt, row)
        if fold("".join(t.text for t in receipt.lines[row][first:last])) in parts
        for place in range(first, last)
        if roles[row][place] in (Role.OTHER, Role.NAME)
    ]
    for place, token in enumerate(receipt.lines[row]):
        if place in places or not token.text[0].isalnum():
            continue
        if roles[row][place] not in (Role.OTHER, Role.NAME):
            continue
        text = fold(token.text)
        plain = "".join(re.findall(r"\w+", text))
        if (
            plain in parts
            or (len(plain) >= 3 and plain in joined)
            or (len(plain) >= 4 and any(fuzz.ratio(plain, part) >= 75 for part in parts))
            or (token.value is not None and plain in joined and len(plain) >= 2)
        ):
            places.append(place)
    sizes = {place for first, last in _glued(receipt, row) for place in range(first, last)}
    places.sort()
    for place in list(places):  # codes, which some labels have in the name
        if len(receipt.lines[row][place].text) >= _CODE_DIGITS and (
            receipt.lines[row][place].text.isdigit()
        ):
            places = [p for p in places if p > place] or places
    # A number at the edge that the name does not have there is a quantity or a code.
    while (
        places
        and places[-1] not in sizes
        and receipt.lines[row][places[-1]].value is not None
        and not wanted.endswith(fold(receipt.lines[row][places[-1]].text))
    ):
        places.pop()
    return places


def _glued(receipt: TokenizedReceipt, row: int) -> list[tuple[int, int]]:
    """Return the runs of two or more letters and numbers without a blank between: 500g, X4."""
    runs: list[tuple[int, int]] = []
    start = 0
    line = receipt.lines[row]
    for place in range(1, len(line) + 1):
        inside = place < len(line) and line[place].glued and line[place].text[0].isalnum()
        if not inside or not line[place - 1].text[0].isalnum():
            if place - start >= 2:
                runs.append((start, place))
            start = place
    return runs


def _ignore_words(
    receipt: TokenizedReceipt, rows: range, roles: list[list[int]], lines: list[int]
) -> None:
    """Leave the words near an item out of the training: its name is not printed as labeled."""
    for row in rows:
        if lines[row] == LineClass.NONE:
            lines[row] = IGNORED
        for place, token in enumerate(receipt.lines[row]):
            if roles[row][place] == Role.OTHER and token.value is None:
                roles[row][place] = IGNORED


def _label_merchant(receipt: TokenizedReceipt, merchant: str | None, lines: list[int]) -> None:
    """Label the first line that has the merchant's name; without it, no line is known."""
    best, found = 0.0, None
    for number, row in enumerate(receipt.rows[: len(lines)]):
        if merchant and sum(map(str.isalpha, row.text)) >= 3:
            likeness = fuzz.token_set_ratio(fold(row.text), fold(merchant))
            shorter = min(len(row.text), len(merchant)) / max(len(row.text), len(merchant))
            likeness *= 0.8 + 0.2 * shorter
            likeness -= 0.3 * number
            if likeness > best:
                best, found = likeness, number
    if found is not None and best >= 66:
        for number in range(len(lines)):
            if lines[number] == IGNORED:
                lines[number] = LineClass.NONE if number < found else IGNORED
        lines[found] = LineClass.MERCHANT
    elif not merchant:
        for number in range(min(8, len(lines))):
            if lines[number] == LineClass.NONE:
                lines[number] = IGNORED
