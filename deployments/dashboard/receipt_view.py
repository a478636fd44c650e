"""A job's input and output as its page shows them. Old outputs may lack what newer ones have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.receipts.models import OcrLine

#: Kinds of files that every browser draws; the others are offered for download.
_DRAWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})


@dataclass(frozen=True, kw_only=True)
class Box:
    """A recognised line: its place in parts of OcrLine.SCALE of the page."""

    points: str  # as SVG's polygon has them
    text: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value that the receipt shows."""

    name: str
    value: str
    confidence: float | None


@dataclass(frozen=True, kw_only=True)
class ReceiptView:
    """A receipt that was read."""

    scale: int
    drawn: bool  # whether the browser can show the file beneath the boxes
    boxes: Sequence[Box]  # of the first page
    more_pages: int
    fields: Sequence[Field]
    items: Sequence[Mapping[str, Any]]  # line_items of the wire's nested form
    checks: Mapping[str, Any]
    text: str


def receipt_view(
    input_payload: Mapping[str, Any], output: Mapping[str, Any] | None
) -> ReceiptView | None:
    """None when there is no receipt to show."""
    if output is None or "line_items" not in output or "image" not in input_payload:
        return None
    kept = output.get("fields", {})
    fields = [
        _field("Merchant", kept.get("merchant"), "name"),
        _field("Date", kept.get("date"), "value"),
        _field("Time", kept.get("time"), "value"),
        *(_field(name.capitalize(), kept.get(name), "amount") for name in _AMOUNTS),
    ]
    return ReceiptView(
        scale=OcrLine.SCALE,
        drawn=input_payload["image"]["media_type"] in _DRAWN,
        boxes=[
            Box(
                points=" ".join(map(str, line["box"])),
                text=line["text"],
                confidence=line["confidence"],
            )
            for line in output.get("ocr_lines", ())
            if line["page"] == 0
        ],
        more_pages=output.get("pages", 1) - 1,
        fields=fields,
        items=output["line_items"],
        checks=output["checks"],
        text=output["raw_ocr_text"],
    )


_AMOUNTS = ("subtotal", "tax", "total")


def _field(name: str, found: Mapping[str, Any] | None, key: str) -> Field:
    if found is None:
        return Field(name=name, value="–", confidence=None)
    value = " ".join(filter(None, (found[key], found.get("currency"))))
    return Field(name=name, value=value, confidence=found["confidence"])
