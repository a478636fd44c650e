"""A receipt's image in, its Extraction out, with progress on the way.

    bytes -> pages -> boxes -> texts -> rows -> fields

Each stage is a pure function of the one before; only the OCR engine is warm state, and it is
handed in.
"""

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from jobs.receipts.extraction import Extraction, ReadLine
from jobs.receipts.image import WORKING_PIXELS, ImageLimits, Pixels, check_size, decode, sniff
from jobs.receipts.ocr import Boxes, OcrEngine, Text
from jobs.receipts.options import Accuracy, ReceiptOptions
from jobs.receipts.parse import parse
from jobs.receipts.quality import photo_warnings
from jobs.receipts.rows import Row, rows_of
from jobs.receipts.upright import upright

MODEL_ID = "pp-ocrv6-small"
MODEL_VERSION = "receipts-1"

_LONGEST = 2560
_MOST_PAGES_AGAIN = 4  # a longer document is looked at once: it would run into its time limit


@dataclass(frozen=True, slots=True)
class Look:
    """A size that pages are shrunk to, to find where their text is. It decides how lines are cut
    into boxes, so another size is another reading.
    """

    long_side: int
    short_side: int
    """Pixels that a long receipt keeps of its width."""
    most_scale: float = 1.0
    """Above 1, small pages are enlarged."""
    line_width: float = 1.0
    """Below 1, lines are squeezed before they are recognised: that takes as much less time."""

    def size(self, page: Pixels) -> tuple[int, int]:
        """Width and height to look for text at: the long side bounded, but a long receipt not
        starved of width.
        """
        height, width = page.shape[:2]
        long, short = max(height, width), min(height, width)
        scale = max(self.long_side / long, self.short_side / short)
        scale = min(self.most_scale, scale, _LONGEST / long)
        return round(width * scale), round(height * scale)


_USUAL = Look(960, 416)
_CLOSE = Look(1280, 608, most_scale=1.5)
_CLOSER = Look(1600, 800, most_scale=1.5)
#: Looks at a receipt, one after the other until its amounts add up; the best reading is kept.
LOOKS: Mapping[Accuracy, tuple[Look, ...]] = {
    "fast": (replace(_USUAL, line_width=0.75),),
    "default": (_USUAL, _CLOSE),
    "best": (_USUAL, _CLOSE, _CLOSER),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading has come."""

    stage: Literal["decode", "detect", "recognise", "read"]
    fraction: float
    """Of the whole reading, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of the whole reading, for progress."""

    start: float
    end: float

    def at(self, share: float) -> float:
        return round(self.start + share * (self.end - self.start), 3)

    def shared(self, count: int) -> tuple["_Span", ...]:
        return tuple(_Span(self.at(n / count), self.at((n + 1) / count)) for n in range(count))


def read(
    image: bytes, options: ReceiptOptions, ocr: OcrEngine, limits: ImageLimits
) -> Generator[Progress, None, Extraction]:
    """Read a receipt, yielding progress; the generator's return value is the Extraction.

    Raises InvalidImage, UnsupportedImage, UnreadablePdf and TooLarge of deployments.errors.
    An image without text is an empty Extraction with a warning.
    """
    check_size(image, limits)
    looks = LOOKS[options.accuracy or "default"]
    spans = _Span(0.0, 1.0).shared(len(looks))
    reading = yield from _read_once(image, options, ocr, limits, looks[0], spans[0])
    for look, span in zip(looks[1:], spans[1:], strict=True):
        if not _may_gain(reading):
            break
        other = yield from _read_once(image, options, ocr, limits, look, span)
        reading = max(reading, other, key=_worth)
    yield Progress("read", 1.0)
    return reading


def _may_gain(reading: Extraction) -> bool:
    """Whether another look may find more: text was recognised, and its amounts do not add up."""
    return (
        bool(reading.ocr_lines)
        and not reading.checks.matches_total
        and reading.pages <= _MOST_PAGES_AGAIN
    )


def _worth(reading: Extraction) -> tuple[bool, float]:
    return reading.checks.matches_total, reading.overall_confidence


def _read_once(
    image: bytes,
    options: ReceiptOptions,
    ocr: OcrEngine,
    limits: ImageLimits,
    look: Look,
    span: _Span,
) -> Generator[Progress, None, Extraction]:
    yield Progress("decode", span.at(0.0))
    count, pages = pages_of(image, limits)
    rows: list[Row] = []
    warnings: list[str] = []
    lines: list[ReadLine] = []
    spans = _Span(span.at(0.05), span.at(0.95)).shared(count)
    for number, (page, part) in enumerate(zip(pages, spans, strict=True)):
        if isinstance(page, tuple):
            rows += rows_of(page)
        else:
            found = yield from _read_page(_working(page), look, ocr, number, part)
            rows += found.rows
            warnings += found.warnings
            lines += found.lines
    yield Progress("read", span.at(0.95))
    extraction = parse(rows, options, pages=count, warnings=warnings)
    return extraction.model_copy(update={"ocr_lines": tuple(lines)})


def read_receipt(
    image: bytes,
    options: ReceiptOptions,
    ocr: OcrEngine,
    limits: ImageLimits,
) -> Extraction:
    """`read` without the progress."""
    steps = read(image, options, ocr, limits)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            extraction: Extraction = done.value
            return extraction


@dataclass(frozen=True, slots=True)
class _PageRead:
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    lines: tuple[ReadLine, ...]


def pages_of(image: bytes, limits: ImageLimits) -> tuple[int, Iterable[tuple[Text, ...] | Pixels]]:
    """How many pages, and each as the texts that a PDF says it holds or as pixels."""
    if sniff(image) == "pdf":
        from jobs.receipts.pdf import pdf_pages

        return pdf_pages(image, limits)
    pages = decode(image, limits)
    return len(pages), pages


def _read_page(
    page: Pixels, look: Look, ocr: OcrEngine, number: int, span: _Span
) -> Generator[Progress, None, _PageRead]:
    yield Progress("detect", span.at(0.0))
    boxes = ocr.detect(page, *look.size(page))
    seen = _shares(boxes, page)
    page, boxes = upright(page, boxes, ocr)
    yield Progress("recognise", span.at(0.2))
    texts: list[Text] = []
    lines: dict[int, ReadLine] = {}
    done = 0
    for batch in ocr.recognise(page, boxes, look.line_width):
        texts += [text for _, text in batch]
        for index, text in batch:
            lines[index] = ReadLine(
                page=number,
                box=seen[index],
                text=text.text,
                confidence=round(min(1.0, text.confidence), 3),
            )
        done += len(batch)
        yield Progress("recognise", span.at(0.2 + 0.8 * done / max(1, len(boxes))))
    in_order = tuple(lines[index] for index in sorted(lines))
    return _PageRead(rows_of(texts), photo_warnings(page, boxes, texts), in_order)


def _shares(boxes: Boxes, page: Pixels) -> list[tuple[int, ...]]:
    """The boxes' corners as ReadLine has them."""
    height, width = page.shape[:2]
    shares = np.clip(boxes / (width, height), 0, 1) * ReadLine.SCALE
    return [tuple(corners) for corners in shares.round().astype(int).reshape(-1, 8).tolist()]


def _working(page: Pixels) -> Pixels:
    import cv2

    height, width = page.shape[:2]
    scale = (WORKING_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return page
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
