"""A receipt's image in, its Extraction out, with progress on the way.

    bytes -> pages -> boxes -> texts -> rows -> fields

Each stage is a pure function of the one before; only the OCR engine is warm state, and it is
handed in.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import numpy as np

from sidecar.receipts.models import Extraction, OcrLine
from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.ocr.layout import Row, rows_of
from sidecar.receipts.options import Accuracy, ReceiptOptions
from sidecar.receipts.pages.decode import WORKING_PIXELS, ImageLimits, check_size
from sidecar.receipts.pages.document import open_pages
from sidecar.receipts.pages.orientation import detect_rotation, rotate_boxes, rotate_page
from sidecar.receipts.pages.quality import photo_warnings
from sidecar.receipts.parser import parse
from sidecar.receipts.types import Boxes, Pixels, Text

MODEL_ID = "pp-ocrv6-small"
MODEL_VERSION = "receipts-2"

_LONGEST = 2560
_MOST_PAGES_AGAIN = 4  # a longer document is looked at once: it would run into its time limit


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """A size at which text is looked for. It decides how lines are cut into boxes, so another size
    is another reading.
    """

    text_height: int | None = None
    """Pixels that a line is brought to, in the part of a page that holds text; None: pages are
    shrunk to a size of their own, since it is not known yet where their text is.
    """
    line_width: float = 1.0
    """Below 1, lines are squeezed before they are recognised: that takes as much less time."""


_LONG_SIDE = 960  # what a page is shrunk to at first
_SHORT_SIDE = 416  # pixels that a long receipt keeps of its width
#: Looks at a receipt, one after the other until its amounts add up; the best reading is kept.
DETECTION_PASSES: Mapping[Accuracy, tuple[DetectionPass, ...]] = {
    "fast": (DetectionPass(line_width=0.75),),
    "default": (DetectionPass(), DetectionPass(text_height=32)),
    "best": (DetectionPass(), DetectionPass(text_height=32), DetectionPass(text_height=40)),
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

    Raises InvalidImage, UnsupportedImage, UnreadablePdf and TooLarge of sidecar.core.errors.
    An image without text is an empty Extraction with a warning.
    """
    check_size(image, limits)
    looks = DETECTION_PASSES[options.accuracy or "default"]
    spans = _Span(0.0, 1.0).shared(len(looks))
    yield Progress("decode", 0.0)
    count, pages = open_pages(image, limits)
    sights: list[_DetectedPage] = []
    reading = yield from _read_once(
        _kept(pages, count, ocr, sights), count, options, ocr, looks[0], spans[0]
    )
    for look, span in zip(looks[1:], spans[1:], strict=True):
        if not _may_gain(reading):
            break
        closer = (_closer(sight, look, ocr) for sight in sights)
        other = yield from _read_once(closer, count, options, ocr, look, span)
        reading = max(reading, other, key=_worth)
    yield Progress("read", 1.0)
    return reading


@dataclass(frozen=True, slots=True)
class _DetectedPage:
    """A page and where its text is; a page of a PDF that is text has its texts alone."""

    page: Pixels
    """Upright."""
    boxes: Boxes
    quarters: int
    """Quarter turns, counter-clockwise, that made it so."""
    texts: tuple[Text, ...] = ()


def _kept(
    pages: Iterable[tuple[Text, ...] | Pixels],
    count: int,
    ocr: OcrEngine,
    kept: list[_DetectedPage],
) -> Iterator[_DetectedPage]:
    """Each page as it is first seen; those of a short document are kept for another look."""
    for page in pages:
        sight = _first_sight(page, ocr)
        if count <= _MOST_PAGES_AGAIN:
            kept.append(sight)
        yield sight


def _may_gain(reading: Extraction) -> bool:
    """Whether another look may find more: text was recognised, and its amounts do not add up."""
    return (
        bool(reading.ocr_lines)
        and not reading.checks.matches_total
        and reading.pages <= _MOST_PAGES_AGAIN
    )


def _worth(reading: Extraction) -> tuple[bool, float, float]:
    """Readings that add up come first, then those that are less far from it."""
    total = reading.total.amount if reading.total else None
    gap = abs(reading.checks.items_sum - total) / total if total else Decimal(1)
    return reading.checks.matches_total, -round(float(gap), 1), reading.overall_confidence


def _read_once(
    sights: Iterable[_DetectedPage],
    count: int,
    options: ReceiptOptions,
    ocr: OcrEngine,
    look: DetectionPass,
    span: _Span,
) -> Generator[Progress, None, Extraction]:
    rows: list[Row] = []
    warnings: list[str] = []
    lines: list[OcrLine] = []
    yield Progress("detect", span.at(0.05))
    spans = _Span(span.at(0.05), span.at(0.95)).shared(count)
    for number, (sight, part) in enumerate(zip(sights, spans, strict=True)):
        if sight.texts:
            rows += rows_of(sight.texts)
            continue
        found = yield from _read_page(sight, look, ocr, number, part)
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
    lines: tuple[OcrLine, ...]


def _first_sight(page: tuple[Text, ...] | Pixels, ocr: OcrEngine) -> _DetectedPage:
    if isinstance(page, tuple):
        return _DetectedPage(_NOTHING, _NO_BOXES, 0, page)
    page = _working(page)
    boxes = ocr.detect(page, *_first_size(page))
    quarters = detect_rotation(page, boxes, ocr)
    page, boxes = rotate_page(page, boxes, quarters)
    if quarters % 2:  # on their side, short lines above one another ran together
        boxes = ocr.detect(page, *_first_size(page))
    return _DetectedPage(page, boxes, quarters)


_NOTHING: Pixels = np.zeros((1, 1, 3), dtype=np.uint8)
_NO_BOXES: Boxes = np.zeros((0, 4, 2), dtype=np.float32)


def _first_size(page: Pixels) -> tuple[int, int]:
    """Width and height to look for text at: the long side bounded, but a long receipt not starved
    of width.
    """
    height, width = page.shape[:2]
    long, short = max(height, width), min(height, width)
    scale = min(1.0, max(_LONG_SIDE / long, _SHORT_SIDE / short), _LONGEST / long)
    return round(width * scale), round(height * scale)


_MARGIN = 2  # lines' heights around the part that holds text
_MOST_SCALE = 1.5


def _closer(sight: _DetectedPage, look: DetectionPass, ocr: OcrEngine) -> _DetectedPage:
    """The sight with the boxes of the part that holds text, looked for at the look's size."""
    boxes = sight.boxes
    if not look.text_height or not len(boxes):
        return sight
    line = float(np.median(np.linalg.norm(boxes[:, 0] - boxes[:, 3], axis=1)))
    corners = boxes.reshape(-1, 2)
    left, top = np.maximum(0, np.percentile(corners, 1, axis=0) - _MARGIN * line).astype(int)
    right, bottom = (np.percentile(corners, 99, axis=0) + _MARGIN * line).astype(int)
    part = sight.page[top:bottom, left:right]
    scale = min(look.text_height / line, _LONGEST / max(part.shape[:2]), _MOST_SCALE)
    found = ocr.detect(part, round(part.shape[1] * scale), round(part.shape[0] * scale))
    return replace(sight, boxes=found + np.array([left, top], dtype=np.float32))


def _read_page(
    sight: _DetectedPage, look: DetectionPass, ocr: OcrEngine, number: int, span: _Span
) -> Generator[Progress, None, _PageRead]:
    page, boxes = sight.page, sight.boxes
    seen = _shares(sight)
    yield Progress("recognise", span.at(0.2))
    texts: list[Text] = []
    lines: dict[int, OcrLine] = {}
    done = 0
    for batch in ocr.recognise(page, boxes, look.line_width):
        texts += [text for _, text in batch]
        for index, text in batch:
            lines[index] = OcrLine(
                page=number,
                box=seen[index],
                text=text.text,
                confidence=round(min(1.0, text.confidence), 3),
            )
        done += len(batch)
        yield Progress("recognise", span.at(0.2 + 0.8 * done / max(1, len(boxes))))
    in_order = tuple(lines[index] for index in sorted(lines))
    return _PageRead(rows_of(texts), photo_warnings(page, boxes, texts), in_order)


def _shares(sight: _DetectedPage) -> list[tuple[int, ...]]:
    """The boxes' corners as OcrLine has them: on the page before it was turned upright."""
    height, width = sight.page.shape[:2]
    boxes = rotate_boxes(sight.boxes, width, height, 4 - sight.quarters)
    if sight.quarters % 2:
        width, height = height, width
    shares = np.clip(boxes / (width, height), 0, 1) * OcrLine.SCALE
    return [tuple(corners) for corners in shares.round().astype(int).reshape(-1, 8).tolist()]


def _working(page: Pixels) -> Pixels:
    import cv2

    height, width = page.shape[:2]
    scale = (WORKING_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return page
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
