"""Reads a receipt's image into an Extraction, and reports progress.

    bytes -> pages -> boxes -> texts -> rows -> fields

Each stage is a pure function of the one before; the only state is the OCR engine, a parameter.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np

from sidecar.receipts.models import Extraction, OcrLine
from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.ocr.layout import Row, rows_of
from sidecar.receipts.options import Accuracy, ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits, check_size
from sidecar.receipts.pages.detected import DetectedPage, detect, detect_again
from sidecar.receipts.pages.document import open_pages
from sidecar.receipts.pages.orientation import rotate_boxes
from sidecar.receipts.pages.quality import photo_warnings
from sidecar.receipts.parser import parse
from sidecar.receipts.types import Pixels, Text

MODEL_ID = "pp-ocrv6-small"
MODEL_VERSION = "receipts-3"

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


_Page = DetectedPage | tuple[Text, ...]
"""A page with its boxes, or the texts of a PDF's text layer."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The result of a pass, and the texts of each page by the index of their box."""

    extraction: Extraction
    texts: tuple[Mapping[int, Text], ...]


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
    detected: list[_Page] = []
    found = _detect_pages(pages, count, ocr, detected)
    first = yield from _run_pass(found, count, options, ocr, passes[0], ranges[0])
    best = first.extraction
    for detection_pass, progress in zip(passes[1:], ranges[1:], strict=True):
        if not _needs_another_pass(best):
            break
        closer = _detect_closer(detected, first.texts, detection_pass, ocr)
        other = yield from _run_pass(closer, count, options, ocr, detection_pass, progress)
        best = max(best, other.extraction, key=_quality)
    yield Progress("read", 1.0)
    return best


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
    pages: Iterable[tuple[Text, ...] | Pixels], count: int, ocr: OcrEngine, detected: list[_Page]
) -> Iterator[_Page]:
    """Yield each page with its boxes; append those of a short document to `detected`."""
    for page in pages:
        found = page if isinstance(page, tuple) else detect(page, ocr)
        if count <= _MAX_PAGES_AGAIN:
            detected.append(found)
        yield found


def _detect_closer(
    pages: Iterable[_Page],
    texts: Iterable[Mapping[int, Text]],
    detection_pass: DetectionPass,
    ocr: OcrEngine,
) -> Iterator[_Page]:
    """Yield each page with the boxes of a later pass; `texts` are those of the first one."""
    for page, known in zip(pages, texts, strict=True):
        if isinstance(page, tuple) or not detection_pass.text_height:
            yield page
        else:
            yield detect_again(page, known, detection_pass.text_height, ocr)


def _needs_another_pass(extraction: Extraction) -> bool:
    """Whether text was recognized whose amounts do not add up, on few enough pages."""
    return (
        bool(extraction.ocr_lines)
        and not extraction.checks.matches_total
        and extraction.pages <= _MAX_PAGES_AGAIN
    )


def _quality(extraction: Extraction) -> tuple[bool, float, float]:
    """Return a sort key: readings that add up come first, then those with the smallest gap."""
    total = extraction.total.amount if extraction.total else None
    gap = abs(extraction.checks.items_sum - total) / total if total else Decimal(1)
    return (
        extraction.checks.matches_total,
        -round(float(gap), 1),
        extraction.overall_confidence,
    )


def _run_pass(
    pages: Iterable[_Page],
    count: int,
    options: ReceiptOptions,
    ocr: OcrEngine,
    detection_pass: DetectionPass,
    progress: _ProgressRange,
) -> Generator[Progress, None, _Reading]:
    rows: list[Row] = []
    warnings: list[str] = []
    lines: list[OcrLine] = []
    texts: list[Mapping[int, Text]] = []
    yield Progress("detect", progress.at(0.05))
    ranges = _ProgressRange(progress.at(0.05), progress.at(0.95)).split(count)
    for number, (page, page_progress) in enumerate(zip(pages, ranges, strict=True)):
        if isinstance(page, tuple):
            texts.append(dict(enumerate(page)))
        else:
            recognized = yield from _recognize(page, detection_pass, ocr, page_progress)
            warnings += photo_warnings(page.pixels, page.boxes, tuple(recognized.values()))
            lines += _ocr_lines(page, number, recognized)
            texts.append(recognized)
        rows += rows_of(texts[-1].values())
    yield Progress("read", progress.at(0.95))
    extraction = parse(rows, options, pages=count, warnings=warnings)
    return _Reading(extraction.model_copy(update={"ocr_lines": tuple(lines)}), tuple(texts))


def _recognize(
    page: DetectedPage, detection_pass: DetectionPass, ocr: OcrEngine, progress: _ProgressRange
) -> Generator[Progress, None, dict[int, Text]]:
    """Return the readable texts by the index of their box."""
    yield Progress("recognise", progress.at(0.2))
    texts = dict(page.known)
    unknown = [index for index in range(len(page.boxes)) if index not in texts]
    boxes = page.boxes[unknown]
    for batch in ocr.recognize(page.pixels, boxes, detection_pass.line_width, page.printed):
        texts.update((unknown[index], text) for index, text in batch)
        yield Progress("recognise", progress.at(0.2 + 0.8 * len(texts) / max(1, len(page.boxes))))
    return texts


def _ocr_lines(page: DetectedPage, number: int, texts: Mapping[int, Text]) -> list[OcrLine]:
    """Return the texts in the order of their boxes, placed on the page before it was rotated."""
    height, width = page.pixels.shape[:2]
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
