"""A receipt as its review page shows it: fields and lines to edit, each with its place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.receipts.models import OcrLine

_SUMS = ("subtotal", "tax", "total")
#: A box belongs to a line of print if their middles are this close, in heights of the box.
_SAME_LINE = 0.6
#: What corrections of a shop set, by their kind.
_LEARNED = {"merchant": "its name", "date_order": "its date", "currency": "its currency"}


@dataclass(frozen=True, kw_only=True)
class EditedField:
    """A field of the receipt; its value is text as an input shows it."""

    name: str
    label: str
    kind: str  # of the input: text, date, time, amount, currency
    value: str
    confidence: float | None
    unsure: bool
    corrected: bool


@dataclass(frozen=True, kw_only=True)
class EditedLine:
    """A line item; values are texts as inputs show them."""

    line: int | None  # position as it was read
    name: str
    quantity: str
    unit: str
    total_price: str
    discount: str
    category: str
    printed: str
    confidence: float
    unsure: bool
    corrected: bool


@dataclass(frozen=True, kw_only=True)
class PlacedBox:
    """The outline of recognized text, in units of 1/OcrLine.SCALE of the page."""

    points: str  # of an SVG polygon
    text: str
    line: int | None  # the line item that it belongs to


@dataclass(frozen=True, kw_only=True)
class ReviewView:
    """What the review page shows."""

    scale: int
    pages: Sequence[Sequence[PlacedBox]]  # the boxes of each page
    fields: Sequence[EditedField]
    lines: Sequence[EditedLine]
    warnings: Sequence[str]
    learned: str | None


def review_view(
    output: Mapping[str, Any],
    reading: Mapping[str, Any],
    threshold: float,
) -> ReviewView:
    """Return the view of a reading; `output` is what was read before people corrected it.

    What has a confidence below `threshold`, or is missing, is unsure.
    """
    return ReviewView(
        scale=OcrLine.SCALE,
        pages=_placed(output),
        fields=list(_fields(reading, output, threshold)),
        lines=[_line(line, threshold) for line in reading["line_items"]],
        warnings=reading["checks"]["warnings"],
        learned=_learned(output),
    )


def _fields(
    reading: Mapping[str, Any], output: Mapping[str, Any], threshold: float
) -> Iterable[EditedField]:
    fields = reading["fields"]
    sources = output.get("sources", {})
    for name, label, kind, key in (
        ("merchant", "Merchant", "text", "name"),
        ("date", "Date", "date", "value"),
        ("time", "Time", "time", "value"),
        *((name, name.capitalize(), "amount", "amount") for name in _SUMS),
    ):
        field = fields.get(name)
        needed = name in ("merchant", "date", "total")
        yield EditedField(
            name=name,
            label=label,
            kind=kind,
            value=field[key] if field else "",
            confidence=field["confidence"] if field else None,
            unsure=field["confidence"] < threshold if field else needed,
            corrected=sources.get(name) == "correction",
        )
    yield EditedField(
        name="currency",
        label="Currency",
        kind="currency",
        value=reading["currency"] or "",
        confidence=None,
        unsure=reading["currency"] is None,
        corrected=reading.get("currency_source") == "correction",
    )


def _line(line: Mapping[str, Any], threshold: float) -> EditedLine:
    return EditedLine(
        line=line["line"],
        name=line["parsed_name"],
        quantity=str(line["quantity"]),
        unit=line["unit"] or "",
        total_price=line["total_price"]["amount"],
        discount=line["discount"]["amount"] if line["discount"] else "",
        category=line.get("category") or "",
        printed=" ".join(line["raw_text"].split()),
        confidence=line["confidence"],
        unsure=line["confidence"] < threshold,
        corrected=line.get("source") == "correction",
    )


def _learned(output: Mapping[str, Any]) -> str | None:
    """Return a sentence about what earlier corrections changed in this reading."""
    applied = output.get("corrections", ())
    lines = len({entry["line"] for entry in applied if entry["line"] is not None})
    parts = [
        word for kind, word in _LEARNED.items() if any(entry["kind"] == kind for entry in applied)
    ]
    if lines:
        parts.append("1 line" if lines == 1 else f"{lines} lines")
    if not parts:
        return None
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Earlier corrections of this shop's receipts set {listed}."


@dataclass(frozen=True)
class _Box:
    page: int
    points: tuple[int, ...]
    text: str

    @property
    def key(self) -> str:
        return "".join(self.text.split())

    def is_in(self, row: str) -> bool:
        """Whether a printed line without blanks holds its text."""
        return bool(self.key) and self.key in row

    @property
    def middle(self) -> float:
        """The distance from the top of the first page, with all pages in a column."""
        return self.page * OcrLine.SCALE + sum(self.points[1::2]) / 4

    @property
    def height(self) -> float:
        return max(1.0, max(self.points[1::2]) - min(self.points[1::2]))


def _placed(output: Mapping[str, Any]) -> Sequence[Sequence[PlacedBox]]:
    """Return each page's boxes from top to bottom, each with the line item that it shows."""
    boxes = sorted(
        (
            _Box(line["page"], tuple(line["box"]), line["text"])
            for line in output.get("ocr_lines", ())
        ),
        key=lambda box: box.middle,
    )
    owner: dict[int, int] = {}
    reached = float("-inf")
    for index, item in enumerate(output["line_items"]):
        for printed in item["raw_text"].split("\n"):
            row = "".join(printed.split())
            free = [n for n, box in enumerate(boxes) if n not in owner and box.is_in(row)]
            below = [n for n in free if boxes[n].middle >= reached] or free
            if not below:
                continue
            longest = max(len(boxes[n].key) for n in below)
            anchor = next(n for n in below if len(boxes[n].key) == longest)
            reached = boxes[anchor].middle - boxes[anchor].height / 2
            for n in free:
                if abs(boxes[n].middle - boxes[anchor].middle) <= _SAME_LINE * boxes[anchor].height:
                    owner[n] = index
    return [
        [
            PlacedBox(points=" ".join(map(str, box.points)), text=box.text, line=owner.get(n))
            for n, box in enumerate(boxes)
            if box.page == page
        ]
        for page in range(output.get("pages", 1))
    ]
