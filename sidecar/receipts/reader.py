"""Reads a receipt's image into an Extraction, and reports progress.

    bytes -> pages -> boxes -> texts -> rows -> fields

Each stage is a pure function of the one before; the only state is the OCR engine, a parameter.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Literal

import numpy as np

from sidecar.receipts.models import Extraction, OcrLine
from sidecar.receipts.ocr.engine import OcrEngine
from sidecar.receipts.ocr.layout import Row, rows_of
from sidecar.receipts.ocr.overlap import join_photographs
from sidecar.receipts.options import Accuracy, ReceiptOptions
from sidecar.receipts.pages.album import is_album
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.detected import DetectedPage, detect, detect_again
from sidecar.receipts.pages.document import open_pages
from sidecar.receipts.pages.orientation import rotate_boxes
from sidecar.receipts.pages.quality import photo_warnings
from sidecar.receipts.parser import parse
from sidecar.receipts.types import Pixels, ScannedPage, Text

MODEL_ID = "pp-ocrv6-small"
MODEL_VERSION = "receipts-4"

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
class _Document:
    """What every pass over a document needs, beside its pages."""

    count: int
    """Pages."""
    is_album: bool
    """Whether pages may show the same lines at their ends."""
    options: ReceiptOptions
    ocr: OcrEngine

    @property
    def is_short(self) -> bool:
        """Whether it may be read again; its pages are kept for that."""
        return self.count <= _MAX_PAGES_AGAIN


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
    yield Progress("decode", 0.0)
    count, pages = open_pages(image, limits)
    document = _Document(count, is_album(image), options, ocr)
    scans: list[ScannedPage | tuple[Text, ...] | Pixels] = []
    layers = _text_layers(pages, document, scans)
    whole = _ProgressRange(0.0, 1.0)
    best = yield from _run_passes(layers, document, whole)
    if not best.adds_up and any(isinstance(page, ScannedPage) for page in scans):
        pictures = (page.pixels if isinstance(page, ScannedPage) else page for page in scans)
        rest = _ProgressRange(1.0 if best.ocr_lines else 0.5, 1.0)
        other = yield from _run_passes(pictures, document, rest)
        best = max(best, other, key=_quality) if other.ocr_lines else best
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


def first_rows(
    image: bytes, options: ReceiptOptions, ocr: OcrEngine, limits: ImageLimits
) -> tuple[Row, ...]:
    """Return the rows of the first pass, without parsing them: what a parser learns from."""
    width = DETECTION_PASSES[options.accuracy or "default"][0].line_width
    rows: list[Row] = []
    for page in open_pages(image, limits)[1]:
        if isinstance(page, ScannedPage | tuple):
            rows += rows_of(page.texts if isinstance(page, ScannedPage) else page)
        else:
            found = detect(page, ocr)
            batches = ocr.recognize(found.pixels, found.boxes, width)
            rows += rows_of(text for batch in batches for _, text in batch)
    return tuple(rows)


def _text_layers(
    pages: Iterable[ScannedPage | tuple[Text, ...] | Pixels],
    document: _Document,
    kept: list[ScannedPage | tuple[Text, ...] | Pixels],
) -> Iterator[tuple[Text, ...] | Pixels]:
    """Yield each page, of a scan with a text layer the layer; append a short document's to `kept`.

    The layer of an e-receipt is exact, and reading it takes no time; a scanner app's is a guess.
    """
    for page in pages:
        if document.is_short:
            kept.append(page)
        yield page.texts if isinstance(page, ScannedPage) else page


def _run_passes(
    pages: Iterable[tuple[Text, ...] | Pixels], document: _Document, progress: _ProgressRange
) -> Generator[Progress, None, Extraction]:
    """Return the best reading of the passes that were needed."""
    passes = DETECTION_PASSES[document.options.accuracy or "default"]
    ranges = progress.split(len(passes))
    detected: list[_Page] = []
    found = _detect_pages(pages, document, detected)
    first = yield from _run_pass(found, document, passes[0], ranges[0])
    best = first.extraction
    for detection_pass, part in zip(passes[1:], ranges[1:], strict=True):
        if not _needs_another_pass(best, document):
            break
        closer = _detect_closer(detected, first.texts, detection_pass, document.ocr)
        other = yield from _run_pass(closer, document, detection_pass, part)
        best = max(best, other.extraction, key=_quality)
    return best


def _detect_pages(
    pages: Iterable[tuple[Text, ...] | Pixels], document: _Document, detected: list[_Page]
) -> Iterator[_Page]:
    """Yield each page with its boxes; append those of a short document to `detected`."""
    for page in pages:
        found = page if isinstance(page, tuple) else detect(page, document.ocr)
        if document.is_short:
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


def _needs_another_pass(extraction: Extraction, document: _Document) -> bool:
    """Whether text was recognized whose amounts do not add up, on few enough pages."""
    return bool(extraction.ocr_lines) and not extraction.adds_up and document.is_short


def _quality(extraction: Extraction) -> tuple[bool, bool, float, float]:
    """Return a sort key: readings that add up come first, then those with the smallest gap."""
    total = extraction.total.amount if extraction.total else None
    gap = abs(extraction.checks.items_sum - total) / total if total else Decimal(1)
    return (
        extraction.checks.matches_total,
        extraction.adds_up,
        -round(float(gap), 1),
        extraction.overall_confidence,
    )


def _run_pass(
    pages: Iterable[_Page],
    document: _Document,
    detection_pass: DetectionPass,
    progress: _ProgressRange,
) -> Generator[Progress, None, _Reading]:
    rows: list[tuple[Row, ...]] = []
    warnings: list[str] = []
    lines: list[OcrLine] = []
    texts: list[Mapping[int, Text]] = []
    yield Progress("detect", progress.at(0.05))
    ranges = _ProgressRange(progress.at(0.05), progress.at(0.95)).split(document.count)
    for number, (page, page_progress) in enumerate(zip(pages, ranges, strict=True)):
        if isinstance(page, tuple):
            texts.append(dict(enumerate(page)))
        else:
            recognized = yield from _recognize(page, detection_pass, document.ocr, page_progress)
            warnings += photo_warnings(page.pixels, page.boxes, tuple(recognized.values()))
            lines += _ocr_lines(page, number, recognized)
            texts.append(recognized)
        rows.append(rows_of(texts[-1].values()))
    yield Progress("read", progress.at(0.95))
    joined = join_photographs(rows) if document.is_album else tuple(chain.from_iterable(rows))
    extraction = parse(joined, document.options, document.count, tuple(dict.fromkeys(warnings)))
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
