"""Reads a receipt's image into an Extraction, and reports progress.

    bytes -> pages -> boxes -> texts -> rows -> fields

Each stage is a pure function of the one before; the only state is the OCR engine, a parameter.
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

_LONG_SIDE = 960  # pixels, of a page in the first pass
_SHORT_SIDE = 416  # pixels that a long receipt keeps of its width in the first pass
_MAX_SIDE = 2560  # pixels, in any pass
_MAX_SCALE = 1.5
_MARGIN = 2  # line heights around the part that holds text
_MAX_PAGES_AGAIN = 4  # a longer document gets one pass: more would exceed its time limit


@dataclass(frozen=True, slots=True)
class DetectionPass:
    """A size at which text is detected; another size cuts lines into other boxes."""

    text_height: int | None = None
    """Pixels to scale a line to; None scales pages to a fixed size, before text is detected."""
    line_width: float = 1.0
    """Factor on the width of lines before recognition, which takes time in proportion."""


DETECTION_PASSES: Mapping[Accuracy, tuple[DetectionPass, ...]] = {
    "fast": (DetectionPass(line_width=0.75),),
    "default": (DetectionPass(), DetectionPass(text_height=32)),
    "best": (DetectionPass(), DetectionPass(text_height=32), DetectionPass(text_height=40)),
}
"""Passes run in this order until the amounts add up; the best reading is returned."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The current stage, and the finished fraction of the whole reading, 0 to 1."""

    stage: Literal["decode", "detect", "recognise", "read"]
    fraction: float


@dataclass(frozen=True, slots=True)
class _ProgressRange:
    """The fractions of the whole reading that a part of it covers."""

    start: float
    end: float

    def at(self, share: float) -> float:
        return round(self.start + share * (self.end - self.start), 3)

    def split(self, count: int) -> tuple["_ProgressRange", ...]:
        return tuple(
            _ProgressRange(self.at(n / count), self.at((n + 1) / count)) for n in range(count)
        )


@dataclass(frozen=True, slots=True)
class _DetectedPage:
    """A page and its text boxes; a page of a PDF with a text layer has only texts."""

    page: Pixels
    """Upright."""
    boxes: Boxes
    quarters: int
    """Quarter turns, counter-clockwise, that turned it upright."""
    texts: tuple[Text, ...] = ()


def read(
    image: bytes, options: ReceiptOptions, ocr: OcrEngine, limits: ImageLimits
) -> Generator[Progress, None, Extraction]:
    """Read a receipt, yielding progress; the generator's return value is the Extraction.

    Raises InvalidImage, UnsupportedImage, UnreadablePdf and TooLarge of sidecar.core.errors.
    An image without text gives an empty Extraction with a warning.
    """
    check_size(image, limits)
    passes = DETECTION_PASSES[options.accuracy or "default"]
    ranges = _ProgressRange(0.0, 1.0).split(len(passes))
    yield Progress("decode", 0.0)
    count, pages = open_pages(image, limits)
    detected: list[_DetectedPage] = []
    first = _detect_pages(pages, count, ocr, detected)
    reading = yield from _run_pass(first, count, options, ocr, passes[0], ranges[0])
    for detection_pass, progress in zip(passes[1:], ranges[1:], strict=True):
        if not _needs_another_pass(reading):
            break
        closer = (_detect_again(page, detection_pass, ocr) for page in detected)
        other = yield from _run_pass(closer, count, options, ocr, detection_pass, progress)
        reading = max(reading, other, key=_quality)
    yield Progress("read", 1.0)
    return reading


def read_receipt(
    image: bytes, options: ReceiptOptions, ocr: OcrEngine, limits: ImageLimits
) -> Extraction:
    """Read a receipt like `read`, without progress."""
    steps = read(image, options, ocr, limits)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            extraction: Extraction = done.value
            return extraction


def _detect_pages(
    pages: Iterable[tuple[Text, ...] | Pixels],
    count: int,
    ocr: OcrEngine,
    detected: list[_DetectedPage],
) -> Iterator[_DetectedPage]:
    """Yield each page with its boxes; append those of a short document to `detected`."""
    for page in pages:
        detected_page = _detect(page, ocr)
        if count <= _MAX_PAGES_AGAIN:
            detected.append(detected_page)
        yield detected_page


def _needs_another_pass(reading: Extraction) -> bool:
    """Whether text was recognized whose amounts do not add up, on few enough pages."""
    return (
        bool(reading.ocr_lines)
        and not reading.checks.matches_total
        and reading.pages <= _MAX_PAGES_AGAIN
    )


def _quality(reading: Extraction) -> tuple[bool, float, float]:
    """Return a sort key: readings that add up come first, then those with the smallest gap."""
    total = reading.total.amount if reading.total else None
    gap = abs(reading.checks.items_sum - total) / total if total else Decimal(1)
    return reading.checks.matches_total, -round(float(gap), 1), reading.overall_confidence


def _run_pass(
    pages: Iterable[_DetectedPage],
    count: int,
    options: ReceiptOptions,
    ocr: OcrEngine,
    detection_pass: DetectionPass,
    progress: _ProgressRange,
) -> Generator[Progress, None, Extraction]:
    rows: list[Row] = []
    warnings: list[str] = []
    lines: list[OcrLine] = []
    yield Progress("detect", progress.at(0.05))
    ranges = _ProgressRange(progress.at(0.05), progress.at(0.95)).split(count)
    for number, (page, page_progress) in enumerate(zip(pages, ranges, strict=True)):
        texts = page.texts
        if not texts:
            recognized = yield from _recognize(page, detection_pass, ocr, page_progress)
            texts = tuple(recognized.values())
            warnings += photo_warnings(page.page, page.boxes, texts)
            lines += _ocr_lines(page, number, recognized)
        rows += rows_of(texts)
    yield Progress("read", progress.at(0.95))
    extraction = parse(rows, options, pages=count, warnings=warnings)
    return extraction.model_copy(update={"ocr_lines": tuple(lines)})


def _detect(page: tuple[Text, ...] | Pixels, ocr: OcrEngine) -> _DetectedPage:
    if isinstance(page, tuple):
        return _DetectedPage(_NO_PIXELS, _NO_BOXES, 0, page)
    page = _shrink(page)
    boxes = ocr.detect(page, *_first_size(page))
    quarters = detect_rotation(page, boxes, ocr)
    page, boxes = rotate_page(page, boxes, quarters)
    if quarters % 2:  # on a page on its side, short lines above one another were joined
        boxes = ocr.detect(page, *_first_size(page))
    return _DetectedPage(page, boxes, quarters)


_NO_PIXELS: Pixels = np.zeros((1, 1, 3), dtype=np.uint8)
_NO_BOXES: Boxes = np.zeros((0, 4, 2), dtype=np.float32)


def _first_size(page: Pixels) -> tuple[int, int]:
    """Return width and height for the first pass: the long side is bounded, the short one kept."""
    height, width = page.shape[:2]
    long, short = max(height, width), min(height, width)
    scale = min(1.0, max(_LONG_SIDE / long, _SHORT_SIDE / short), _MAX_SIDE / long)
    return round(width * scale), round(height * scale)


def _detect_again(
    page: _DetectedPage, detection_pass: DetectionPass, ocr: OcrEngine
) -> _DetectedPage:
    """Detect the boxes in the part of the page that holds text, at the size of the pass."""
    boxes = page.boxes
    if not detection_pass.text_height or not len(boxes):
        return page
    line = float(np.median(np.linalg.norm(boxes[:, 0] - boxes[:, 3], axis=1)))
    corners = boxes.reshape(-1, 2)
    left, top = np.maximum(0, np.percentile(corners, 1, axis=0) - _MARGIN * line).astype(int)
    right, bottom = (np.percentile(corners, 99, axis=0) + _MARGIN * line).astype(int)
    part = page.page[top:bottom, left:right]
    scale = min(detection_pass.text_height / line, _MAX_SIDE / max(part.shape[:2]), _MAX_SCALE)
    boxes = ocr.detect(part, round(part.shape[1] * scale), round(part.shape[0] * scale))
    return replace(page, boxes=boxes + np.array([left, top], dtype=np.float32))


def _recognize(
    page: _DetectedPage, detection_pass: DetectionPass, ocr: OcrEngine, progress: _ProgressRange
) -> Generator[Progress, None, dict[int, Text]]:
    """Return the readable texts by the index of their box."""
    yield Progress("recognise", progress.at(0.2))
    texts: dict[int, Text] = {}
    for batch in ocr.recognize(page.page, page.boxes, detection_pass.line_width):
        texts.update(batch)
        yield Progress("recognise", progress.at(0.2 + 0.8 * len(texts) / max(1, len(page.boxes))))
    return texts


def _ocr_lines(page: _DetectedPage, number: int, texts: Mapping[int, Text]) -> list[OcrLine]:
    """Return the texts in the order of their boxes, placed on the page before it was rotated."""
    height, width = page.page.shape[:2]
    boxes = rotate_boxes(page.boxes, width, height, 4 - page.quarters)
    if page.quarters % 2:
        width, height = height, width
    scaled = np.clip(boxes / (width, height), 0, 1) * OcrLine.SCALE
    corners = scaled.round().astype(int).reshape(-1, 8).tolist()
    return [
        OcrLine(
            page=number,
            box=tuple(corners[index]),
            text=text.text,
            confidence=round(min(1.0, text.confidence), 3),
        )
        for index, text in sorted(texts.items())
    ]


def _shrink(page: Pixels) -> Pixels:
    import cv2

    height, width = page.shape[:2]
    scale = (WORKING_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return page
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
