"""A receipt job's input and output as its page shows them.

Old outputs may lack fields that newer ones have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.receipts.models import OcrLine

#: Media types that every browser displays; other files are offered as a download.
_DISPLAYABLE = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})
_AMOUNTS = ("subtotal", "tax", "total")


@dataclass(frozen=True, kw_only=True)
class Box:
    """The outline of a recognized line, in units of 1/OcrLine.SCALE of the page."""

    points: str  # of an SVG polygon
    text: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Field:
    """One extracted value."""

    name: str
    value: str
    confidence: float | None


@dataclass(frozen=True, kw_only=True)
class ReceiptView:
    """An extracted receipt."""

    scale: int
    displayable: bool  # whether browsers can display the file
    boxes: Sequence[Box]  # of the first page
    more_pages: int
    fields: Sequence[Field]
    items: Sequence[Mapping[str, Any]]  # line_items in the nested wire format
    checks: Mapping[str, Any]
    text: str


def receipt_view(
    input_payload: Mapping[str, Any], output: Mapping[str, Any] | None
) -> ReceiptView | None:
    """Return the view, or None if the job has no extracted receipt."""
    if output is None or "line_items" not in output or "image" not in input_payload:
        return None
    extracted = output.get("fields", {})
    return ReceiptView(
        scale=OcrLine.SCALE,
        displayable=input_payload["image"]["media_type"] in _DISPLAYABLE,
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
        fields=[
            _field("Merchant", extracted.get("merchant"), "name"),
            _field("Date", extracted.get("date"), "value"),
            _field("Time", extracted.get("time"), "value"),
            *(_field(name.capitalize(), extracted.get(name), "amount") for name in _AMOUNTS),
        ],
        items=output["line_items"],
        checks=output["checks"],
        text=output["raw_ocr_text"],
    )


def _field(name: str, extracted: Mapping[str, Any] | None, key: str) -> Field:
    if extracted is None:
        return Field(name=name, value="–", confidence=None)
    value = " ".join(filter(None, (extracted[key], extracted.get("currency"))))
    return Field(name=name, value=value, confidence=extracted["confidence"])
