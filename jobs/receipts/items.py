"""The line items: which lines hold one, which lines belong together, what each says.

Tills print an item on one line, or its name above or below the line with its price. The layout is
one for the whole receipt, so both ways are tried on all lines and the one with fewer loose ends is
kept.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from jobs.receipts.amounts import Figure, Mark, cents
from jobs.receipts.lines import Line, Receipt
from jobs.receipts.quantities import (
    Quantity,
    bare_quantity,
    factors,
    multiplication,
    proves,
)
from jobs.receipts.rows import Word
from jobs.receipts.vocabulary import Role, fold

_ENDS = {
    Role.SUBTOTAL, Role.TOTAL, Role.TAX, Role.TAX_BASE, Role.COUNT, Role.TENDERED, Role.CHANGE,
    Role.ROUNDING, Role.SERVICE, Role.TIP, Role.TAX_TABLE,
}  # fmt: skip
_REDUCTIONS = {Role.DISCOUNT, Role.POINTS, Role.SAVINGS}
_CODE = re.compile(
    r"^\W*(\d{4,}[A-Z]{0,4}|[A-Z]{1,4}-?\d{4,}\S*|\d{3,}[-/]\d{2,}\S*|\d+|[A-Z]{1,3}\d{6,}\w*)\W*$",
    re.IGNORECASE,
)
_TAX_CODE = re.compile(
    r"^\W*(SR|ZR|ZRL|ZRE|OS|ES|RS|T\d?|S|Z|A|B|C|D|E|F|N|X|TX|SRJ|ST|GST|RM|EUR|USD|GBP|MYR|\*S|\*|TF)\W*$",
    re.IGNORECASE,
)
_DISCOUNT_WORDS = re.compile(
    r"DISC|COUPON|RABATT|REMISE|SCONTO|KORTING|PROMO|SAVE|SAVING|OFFER|OFF\b|PRICE CUT|AKTION|DESC"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A line item as it stands on the page, before the arithmetic has had its say."""

    raw: tuple[str, ...]
    name: str
    total: Figure
    quantity: Decimal = Decimal(1)
    unit: str | None = None
    unit_price: Decimal | None = None
    proved: bool = False
    """Quantity times unit price is the total."""
    discount: Decimal | None = None
    """Positive."""
    name_confidence: float = 1.0

    @property
    def net(self) -> Decimal:
        return self.total.value - (self.discount or 0)


@dataclass(frozen=True, slots=True)
class _Part:
    """A line of the item region: a price line has `total`, the others add to one that has."""

    line: Line
    name: str
    total: Figure | None
    product: Quantity | None
    numbers: tuple[Decimal, ...]
    discount: Decimal | None = None


def items_of(receipt: Receipt) -> tuple[tuple[Draft, ...], int]:
    """The drafts, and the index of the line where the summary begins."""
    start, end = _region(receipt.lines)
    discounted = any(
        line.role is Role.COLUMNS and "DISC" in fold(line.row.text)
        for line in receipt.lines[:start]
    )
    parts = [
        _part(line, receipt.mark, discounted=discounted)
        for line in receipt.lines[start:end]
        if line.role is not Role.COLUMNS and not _tells_nothing(line)
    ]
    quantity_first = _quantity_first(receipt.lines[:end])
    if quantity_first:
        parts = _without_free_lines(parts)
    above, below = _gather(parts, names_above=True), _gather(parts, names_above=False)
    chosen = above if above.loose <= below.loose else below
    return _without_codes(_leading_quantities(chosen.drafts, quantity_first)), end


def _region(lines: Sequence[Line]) -> tuple[int, int]:
    """First and past-the-end index of the lines that can hold items."""
    heading = _heading(lines)
    first = next(
        (i for i in range(heading + 1, len(lines)) if _is_price_line(lines[i], heading >= 0)), None
    )
    if first is None:
        summary = next((i for i, line in enumerate(lines) if _ends(line)), 0)
        return summary, summary
    start = heading + 1
    if heading < 0:
        start = first
        named = names_something(_name(lines[first], None))
        while (
            not named
            and start > 0
            and first - start < 3
            and _may_be_name(lines[start - 1], lines[start])
        ):
            start -= 1
    end = next((i for i in range(max(first, start), len(lines)) if _ends(lines[i])), len(lines))
    return start, max(start, end)


def _heading(lines: Sequence[Line]) -> int:
    """The last line of the first column heading that stands above the summary, or -1."""
    summary = next(
        (i for i, line in enumerate(lines) if line.figures and line.role in _ENDS), len(lines)
    )
    heading = next((i for i in range(summary) if lines[i].role is Role.COLUMNS), -1)
    while 0 <= heading < summary - 1 and lines[heading + 1].role is Role.COLUMNS:
        heading += 1
    return heading


def _tells_nothing(line: Line) -> bool:
    """A discount of nothing, or savings and points that were not taken off the sum."""
    if line.role is Role.DISCOUNT:
        return not any(figure.value for figure in line.figures)
    return line.role in _REDUCTIONS and not any(figure.value < 0 for figure in line.figures)


def _is_price_line(line: Line, below_heading: bool) -> bool:
    if not line.figures or _CLOCK.search(line.row.text):
        return False
    if line.role is Role.META:
        return below_heading or not re.search(r"[:#]", line.row.text)
    return line.role in (None, Role.DISCOUNT)


_CLOCK = re.compile(r"\d[:.]\d{2}[:.]\d{2}|\d{1,2}:\d{2}|\d[/-]\d{1,2}[/-]\d{2}")


def _ends(line: Line) -> bool:
    """A summary line; the word must open the line, for food is called TOTAL and BAR too."""
    return line.role in _ENDS and (
        bool(line.figures) or line.role in (Role.COUNT, Role.TAX_TABLE, Role.TOTAL, Role.SUBTOTAL)
    )


def _may_be_name(line: Line, below: Line) -> bool:
    text = line.row.text
    return (
        line.role is None
        and not line.figures
        and line.letters >= 1
        and below.row.middle - line.row.middle < 2.2 * max(line.row.height, below.row.height)
        and not re.search(r":|\b\d{5}\b|\(\w+-\w+\)|\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}", text)
    )


def _part(line: Line, mark: Mark, *, discounted: bool) -> _Part:
    text = line.row.text
    product = multiplication(text, mark)
    figures = line.figures
    total = next((f for f in reversed(figures) if f.places == 2 or f.sign), None)
    if discounted and total is not None and total.value == 0 and len(figures) > 1:
        total = _undiscounted(line, figures[0]) or total
    if product is not None and total is not None and product.unit_price == total.value:
        tail = text[product.end :]
        if not re.search(r"\d[.,]\d{2}", tail):
            # The last amount is the price of one; a total in front of it would be its product.
            total = next((f for f in figures[:-1] if proves(product, f.value)), None)
    if product is None and _tells_quantity(line):
        product = bare_quantity(text, mark)
    amount = None
    if (
        total is not None
        and (total.value < 0 or line.role is Role.DISCOUNT)
        and (line.role in _REDUCTIONS or _DISCOUNT_WORDS.search(fold(line.label)))
    ):
        amount, total = abs(total.value), None
    name = "" if amount is not None else _name(line, product)
    numbers = tuple(
        value
        for word in (w.text for w in line.words)
        if re.fullmatch(r"\d{1,3}", word) and (value := Decimal(word)) > 0
    ) + tuple(f.value for f in figures[:-1] if f.value > 0)
    return _Part(line, name, total, product, numbers, amount)


def _undiscounted(line: Line, price: Figure) -> Figure | None:
    """The amount of a line whose last column was not read: quantity times price, nothing off."""
    counts = [w.text for w in line.words if w.right <= price.left and w.text.isdigit()]
    if not counts or len(counts[-1]) > 3:
        return None
    return replace(price, value=price.value * int(counts[-1]), confidence=price.confidence / 2)


def _tells_quantity(line: Line) -> bool:
    """Whether a bare "X2" or "3 PCS" is how many were bought, not what a pack holds: it opens the
    line, or stands among amounts.
    """
    text = line.row.text.upper()
    if re.match(r"^\W*\d{1,3}\s?([X×]\s|PCS?\b|EA\b|STK\b)", text):
        return True
    tail = " ".join(w.text for w in line.words if line.figures and w.left > line.figures[0].left)
    return bool(re.search(r"\bX\s?\d|\d\s?X", tail.upper()))


def _name(line: Line, product: Quantity | None) -> str:
    """The words of a line that name a thing: no codes, amounts, quantities or tax marks."""
    limit = _columns_begin(line)
    words = [word for word in line.words if word.left < limit]
    column = next(
        (
            i
            for i in range(1, len(words))
            if _in_a_column(words[i], words[i - 1], line)
            and all(re.fullmatch(r"\d{1,4}%?", word.text) for word in words[i:])
        ),
        len(words),
    )
    words = words[:column]
    text = " ".join(word.text for word in words)
    text = re.sub(r"(?<=\w\w)\((?=\w)", " (", re.sub(r"\)(?=\w\w)", ") ", text))
    if product is not None and product.unit_price is not None:
        spelled = line.row.text[product.start : product.end]
        for piece in spelled.split():
            text = re.sub(rf"(?<!\S){re.escape(piece)}(?!\S)", " ", text, count=1)
        text = re.sub(r"\b(QTY|EACH|EA|NET|PER)\b", " ", text, flags=re.IGNORECASE)
    kept = [word for word in text.split() if not _NO_WORD.fullmatch(word)]
    while len(kept) > 1 and _TAX_CODE.match(kept[-1]):
        kept.pop()
    while len(kept) > 1 and re.fullmatch(r"\d{4,}|SR|ZR|ZRL|OS", kept[0]):
        kept.pop(0)
    return _LETTER_O.sub("O", " ".join(kept).strip("-–—*#: "))


_LETTER_O = re.compile(r"(?<![\d.,])0(?=[^\W\d_]{2})|(?<=[^\W\d_]{2})0(?=[^\W\d_])")  # OLIVE 0IL


def _columns_begin(line: Line) -> float:
    """Where the figures begin that no word of the name stands behind."""
    named = [w.right for w in line.words if re.search(r"[^\W\d_]{3}", w.text)]
    last = max(named, default=0.0)
    return next((f.left for f in line.figures if f.left >= last - 1), float("inf"))


_NO_WORD = re.compile(
    r"\W+|[\d./-]{6,}|\d{1,3}[.,]\d|[xX@]|\S*\d{7,}\S*"
)  # signs, and what a scanner reads


def _in_a_column(word: Word, before: Word, line: Line) -> bool:
    """Whether a bare number stands so far from the name that it is a column of its own."""
    gap = word.left - before.right
    return bool(re.fullmatch(r"\d{1,4}%?", word.text)) and gap > 0.8 * line.row.height


def names_something(name: str) -> bool:
    """Whether a name holds a word, and not codes alone."""
    words = [word for word in name.split() if not _CODE.match(word) and not _TAX_CODE.match(word)]
    return sum(char.isalpha() for word in words for char in word) >= 3


def _without_free_lines(parts: list[_Part]) -> list[_Part]:
    """Where each item opens with its quantity, what opens so but has no price is a free extra."""
    opens = re.compile(r"^\d{1,3}\s+\S*[^\W\d]{2}")
    priced = [bool(p.total and opens.match(p.line.row.text)) for p in parts]
    if sum(priced) * 2 <= sum(1 for p in parts if p.total):
        return parts
    kept: list[_Part] = []
    free = False
    for part in parts:
        starts = bool(opens.match(part.line.row.text))
        free = part.total is None and (starts or (free and part.product is None))
        if not free:
            kept.append(part)
    return kept


@dataclass(frozen=True, slots=True)
class _Gathered:
    drafts: tuple[Draft, ...]
    loose: float
    """Names without a price, prices without a name: what this layout leaves unexplained."""


def _gather(parts: Sequence[_Part], *, names_above: bool) -> _Gathered:
    drafts: list[Draft] = []
    pending: list[_Part] = []  # lines that wait for the price line below them
    loose = 0.0
    for part in parts:
        if part.discount is not None:
            if drafts:
                held = drafts[-1].discount or Decimal(0)
                drafts[-1] = replace(drafts[-1], discount=held + part.discount)
            continue
        if part.total is not None:
            draft = _draft(part, pending)
            if names_above and drafts and not pending and _multiplies(draft, drafts[-1]):
                drafts[-1] = replace(draft, raw=(*drafts[-1].raw, *draft.raw), name=drafts[-1].name)
                continue
            loose += 1.0 if not names_something(draft.name) and names_above else 0.0
            loose += 0.3 * max(0, len(pending) - 2)
            pending = []
            drafts.append(draft)
        elif (
            part.product is not None
            and part.product.unit_price is not None
            and drafts
            and (proves(part.product, drafts[-1].total.value) and not drafts[-1].proved)
        ):
            drafts[-1] = _extended(drafts[-1], part)
        elif _is_a_note(part):
            continue
        elif names_above or not drafts:
            if part.line.letters >= 2 or part.product is not None:
                pending.append(part)
                loose += 0.0 if names_above else 1.0
        elif part.line.role is None and part.line.letters >= 2:
            drafts[-1] = _extended(drafts[-1], part)
    loose += sum(1.0 for part in pending if part.line.role is None and names_above)
    if not names_above:
        loose += sum(1.0 for draft in drafts if not names_something(draft.name))
        loose += 0.3 * sum(max(0, len(draft.raw) - 3) for draft in drafts)
    return _Gathered(tuple(drafts), loose)


def _draft(part: _Part, pending: Sequence[_Part]) -> Draft:
    assert part.total is not None
    total = part.total.value
    lines = [*pending, part]
    name = " ".join(_worded([p.name for p in lines]))
    draft = Draft(
        raw=tuple(p.line.row.text for p in lines),
        name=" ".join(name.split()),
        total=replace(part.total, value=cents(total)),
        name_confidence=min(p.line.row.confidence for p in lines),
    )
    products = [p.product for p in (part, *pending) if p.product is not None]
    proved = next((product for product in products if proves(product, total)), None)
    if proved is not None:
        return _with(draft, proved)
    numbers = [number for p in (*pending, part) for number in p.numbers]
    if pair := factors(numbers, abs(total)):
        name = re.sub(rf"\s+{pair[0]}$", "", draft.name)  # a column, not a part of the name
        return replace(draft, name=name, quantity=pair[0], unit_price=pair[1], proved=True)
    bare = next((p for p in products if p.unit_price is None), None)
    if (
        bare is not None
        and bare.quantity == bare.quantity.to_integral_value()
        and bare.unit not in _MEASURES
    ):
        return _shared(draft, bare.quantity, bare.unit)
    return draft


def _is_a_note(part: _Part) -> bool:
    """A line that says something of the purchase ("Length of stay: 17 min"), and names nothing."""
    return part.product is None and bool(re.search(r"[^\W\d]{3}\s?:\s?\S", part.line.row.text))


def _worded(names: Sequence[str]) -> list[str]:
    """The names without what is only a code or a number, unless there is nothing else."""
    worded = [
        name for name in names if 2 * sum(map(str.isalpha, name)) > sum(map(str.isdigit, name))
    ]
    return worded or [name for name in names if re.search(r"[^\W\d_]{2}", name)]


def _multiplies(draft: Draft, above: Draft) -> bool:
    """Whether a nameless draft is the multiplication of the price that was printed above it."""
    return (
        draft.proved
        and draft.quantity > 1
        and not above.proved
        and draft.unit_price == above.total.value
        and not names_something(draft.name)
    )


_MEASURES = {"kg", "g", "lb", "oz", "l", "ml", "gal", "m"}  # "500 G" in a name is its size


def _shared(draft: Draft, quantity: Decimal, unit: str | None) -> Draft:
    """The draft with that quantity, when its total can be shared evenly by it."""
    each = cents(draft.total.value / quantity)
    if abs(each * quantity - draft.total.value) > Decimal("0.011") * quantity:
        return draft
    return replace(draft, quantity=quantity, unit=unit, unit_price=each)


def _extended(draft: Draft, part: _Part) -> Draft:
    """A draft with a line that was printed below its price."""
    name = draft.name if part.product and part.product.unit_price else f"{draft.name} {part.name}"
    draft = replace(draft, raw=(*draft.raw, part.line.row.text), name=" ".join(name.split()))
    product = part.product
    if product is not None and proves(product, draft.total.value) and not draft.proved:
        return _with(draft, product)
    return draft


def _with(draft: Draft, product: Quantity) -> Draft:
    """The draft with the quantity and price that its total proves."""
    return replace(
        draft,
        quantity=product.quantity,
        unit=product.unit,
        unit_price=product.unit_price,
        proved=True,
    )


def _quantity_first(lines: Sequence[Line]) -> bool:
    """Whether the column heading puts the quantity before the name."""
    for line in lines:
        if line.role is Role.COLUMNS:
            text = fold(line.row.text)
            quantity = re.search(r"\bQTY|QUANTITY|MENGE|ANZ\b", text)
            name = re.search(r"DESC|ITEM|ARTI|PRODUCT|BEZEICH", text)
            if quantity and name:
                return quantity.start() < name.start()
    return False


def _leading_quantities(drafts: tuple[Draft, ...], quantity_first: bool) -> tuple[Draft, ...]:
    """Numbers before names: a count of lines (1, 2, 3, …) is dropped, a quantity is used."""
    leading = [_leading(draft.name) for draft in drafts]
    present = [number for number in leading if number is not None]
    if not present:
        return drafts
    numbered = sum(bool(re.match(r"^\W*\d{1,3}[.)]", draft.name)) for draft in drafts)
    counted = numbered * 2 > len(present) or (
        len(present) > 1
        and all(number is None or number == place for place, number in enumerate(leading, start=1))
    )
    used = quantity_first or len(present) * 2 > len(drafts)
    tidied = []
    for draft, number in zip(drafts, leading, strict=True):
        if number is None or not (counted or used):
            tidied.append(draft)
            continue
        bare = replace(draft, name=re.sub(r"^\W*\d{1,3}[.)xX]?\s+", "", draft.name))
        if (counted and not quantity_first) or draft.proved:
            tidied.append(bare)
        else:
            tidied.append(_shared(bare, Decimal(number), None) if number else bare)
    return tuple(tidied)


_ARTICLE = r"\(?(?:[A-Z]{1,4}-?[A-Z]?\d{1,6}|\d{3,6})\)?"
_LONG_ARTICLE = re.compile(r"\(?[A-Z]{1,4}-?[A-Z]?\d{4,}\)?|\([A-Z]\d{2,}\)")


def _without_codes(drafts: tuple[Draft, ...]) -> tuple[Draft, ...]:
    """The shop's article codes taken off names: "B1" alone may be a word, on every line it is none."""
    for side in (rf"^{_ARTICLE}(?=\s)\s*[-:]?\s*", rf"\s+{_ARTICLE}$"):
        pattern = re.compile(side)
        coded = sum(bool(pattern.search(draft.name)) for draft in drafts)
        everywhere = coded >= 2 and coded * 2 > len(drafts)
        drafts = tuple(
            replace(draft, name=rest)
            if (match := pattern.search(draft.name))
            and (everywhere or (side[0] == "^" and _LONG_ARTICLE.fullmatch(match[0].strip(" -:"))))
            and names_something(rest := pattern.sub("", draft.name))
            else draft
            for draft in drafts
        )
    return drafts


def _leading(name: str) -> int | None:
    match = re.match(r"^\W*(\d{1,3})[.)xX]?\s+\S*[^\W\d]{2}", name)
    return int(match[1]) if match else None
