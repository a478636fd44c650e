"""A receipt job's input and output as its page shows them.

Old outputs may lack fields that newer ones have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.queue.job import Job
from sidecar.receipts.models import OcrLine

_AMOUNTS = ("subtotal", "tax", "total")
#: What one of the two readings is taken for; the amounts come from one of them together.
_READ = {"merchant": "merchant", "date": "date", "time": "time", "line_items": "amounts and lines"}


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
    boxes: Sequence[Box]  # of the first page
    more_pages: int
    fields: Sequence[Field]
    items: Sequence[Mapping[str, Any]]  # line_items in the nested wire format
    checks: Mapping[str, Any]
    text: str
    second_look: str | None  # what the vision model's reading changed


def receipt_view(job: Job, output: Mapping[str, Any] | None) -> ReceiptView | None:
    """Return the view, or None if the job has no extracted receipt."""
    if output is None or "line_items" not in output or "image" not in job.input_payload:
        return None
    extracted = output.get("fields", {})
    return ReceiptView(
        scale=OcrLine.SCALE,
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
        second_look=_second_look(job, output.get("sources", {})),
    )


def _second_look(job: Job, sources: Mapping[str, str]) -> str | None:
    """Return a sentence about what the vision model's reading changed; None if it didn't read."""
    if "," not in (job.model_id or ""):  # the models that read, in their order
        return None
    taken = [label for name, label in _READ.items() if sources.get(name) == "vision"]
    if not taken:
        return "The vision model read it too; nothing was taken from its reading."
    listed = taken[0] if len(taken) == 1 else f"{', '.join(taken[:-1])} and {taken[-1]}"
    return f"The vision model read it too; from its reading come the {listed}."


def _field(name: str, extracted: Mapping[str, Any] | None, key: str) -> Field:
    if extracted is None:
        return Field(name=name, value="–", confidence=None)
    value = " ".join(filter(None, (extracted[key], extracted.get("currency"))))
    return Field(name=name, value=value, confidence=extracted["confidence"])
