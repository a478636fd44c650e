"""A receipt's image in, its Extraction out, with progress on the way.

    bytes -> pages -> boxes -> texts -> rows -> fields

Each stage is a pure function of the one before; only the OCR engine is warm state, and it is
handed in.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jobs.receipts.extraction import Extraction, ReadLine
from jobs.receipts.image import WORKING_PIXELS, ImageLimits, Pixels, check_size, decode, sniff
from jobs.receipts.ocr import Boxes, OcrEngine, Text
from jobs.receipts.options import ReceiptOptions
from jobs.receipts.parse import parse
from jobs.receipts.quality import photo_warnings
from jobs.receipts.rows import Row, rows_of
from jobs.receipts.upright import upright

MODEL_ID = "pp-ocrv6-small"
MODEL_VERSION = "receipts-1"

_LONG_SIDE = {"fast": 736, "default": 960, "best": 1280}
_SHORT_SIDE = {"fast": 352, "default": 416, "best": 608}
_LONGEST = 2560


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading has come."""

    stage: Literal["decode", "detect", "recognise", "read"]
    fraction: float
    """Of the whole reading, 0 to 1."""


def read(
    image: bytes, options: ReceiptOptions, ocr: OcrEngine, limits: ImageLimits
) -> Generator[Progress, None, Extraction]:
    """Read a receipt, yielding progress; the generator's return value is the Extraction.

    Raises InvalidImage, UnsupportedImage, UnreadablePdf and TooLarge of deployments.errors.
    An image without text is an empty Extraction with a warning.
    """
    yield Progress("decode", 0.0)
    check_size(image, limits)
    count, pages = pages_of(image, limits)
    rows: list[Row] = []
    warnings: list[str] = []
    lines: list[ReadLine] = []
    for number, page in enumerate(pages):
        if isinstance(page, tuple):
            rows += rows_of(page)
        else:
            found = yield from _read_page(_working(page), options, ocr, number, count)
            rows += found.rows
            warnings += found.warnings
            lines += found.lines
    yield Progress("read", 0.95)
    extraction = parse(rows, options, pages=count, warnings=warnings)
    yield Progress("read", 1.0)
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
    page: Pixels, options: ReceiptOptions, ocr: OcrEngine, number: int, count: int
) -> Generator[Progress, None, _PageRead]:
    def at(stage: Literal["detect", "recognise"], share: float) -> Progress:
        return Progress(stage, round(0.05 + 0.9 * (number + share) / count, 3))

    yield at("detect", 0.0)
    boxes = ocr.detect(page, *detection_size(page, options.accuracy))
    seen = _shares(boxes, page)
    page, boxes = upright(page, boxes, ocr)
    yield at("recognise", 0.2)
    texts: list[Text] = []
    lines: dict[int, ReadLine] = {}
    done = 0
    for batch in ocr.recognise(page, boxes):
        texts += [text for _, text in batch]
        for index, text in batch:
            lines[index] = ReadLine(
                page=number,
                box=seen[index],
                text=text.text,
                confidence=round(min(1.0, text.confidence), 3),
            )
        done += len(batch)
        yield at("recognise", 0.2 + 0.8 * done / max(1, len(boxes)))
    in_order = tuple(lines[index] for index in sorted(lines))
    return _PageRead(rows_of(texts), photo_warnings(page, boxes, texts), in_order)


def _shares(boxes: Boxes, page: Pixels) -> list[tuple[int, ...]]:
    """The boxes' corners as ReadLine has them."""
    height, width = page.shape[:2]
    shares = np.clip(boxes / (width, height), 0, 1) * ReadLine.SCALE
    return [tuple(corners) for corners in shares.round().astype(int).reshape(-1, 8).tolist()]


def detection_size(page: Pixels, accuracy: Literal["fast", "default", "best"]) -> tuple[int, int]:
    """Width and height to look for text at: the long side bounded, but a long receipt not starved
    of width.
    """
    height, width = page.shape[:2]
    long, short = max(height, width), min(height, width)
    scale = max(_LONG_SIDE[accuracy] / long, _SHORT_SIDE[accuracy] / short)
    scale = min(1.0, scale, _LONGEST / long)
    return round(width * scale), round(height * scale)


def _working(page: Pixels) -> Pixels:
    import cv2

    height, width = page.shape[:2]
    scale = (WORKING_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return page
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
