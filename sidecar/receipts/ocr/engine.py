"""Text detection and recognition: PP-OCRv6 (small), the models of RapidOCR's wheel, on onnxruntime.

RapidOCR's own pipeline pads every crop to 320 pixels, six in a batch, and returns only the best
reading. Here crops of similar width share a batch, and each character keeps its runner-up, which
lets reconciliation choose between 8 and B. No network is used.
"""

import functools
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sidecar.receipts.types import Boxes, Glyph, Pixels, Text

_HEIGHT = 48  # the recognizer's fixed input height
_CLASSIFIER_WIDTH = 192
_BATCH_COLUMNS = 6 * 320  # limits memory, and the time until a cancelled reading stops
_WIDTH_STEP = 32
_MIN_WIDTH = 96
_MAX_WIDTH = 2400
_MIN_RUNNER_UP = 0.02  # probability of a character's second reading
_READABLE = 0.5  # mean character probability below which a text is noise (RapidOCR's text_score)


class OcrEngine:
    """The loaded models. Not guaranteed to be thread-safe; each process has one, see `engine`."""

    def __init__(self, threads: int) -> None:
        """`threads`: cores that one call may use; one when tasks run in parallel."""
        import cv2
        import onnxruntime
        import rapidocr
        from rapidocr.ch_ppocr_det.utils import DBPostProcess

        cv2.setNumThreads(threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = False  # shapes vary: an arena would keep the largest
        folder = Path(rapidocr.__file__).parent / "models"

        def session(model: str) -> Any:
            path = str(folder / f"{model}.onnx")
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        self._detector = session("PP-OCRv6_det_small")
        self._recognizer = session("PP-OCRv6_rec_small")
        self._classifier = session("ch_ppocr_mobile_v2.0_cls_mobile")
        self._boxes = DBPostProcess(thresh=0.3, box_thresh=0.5, unclip_ratio=1.6, use_dilation=True)
        alphabet = self._recognizer.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._classes, self._alphabet = _latin(["", *alphabet, " "])

    def detect(self, page: Pixels, width: int, height: int) -> Boxes:
        """Return the text boxes in `page`, detected at a size of about `width` x `height`."""
        import cv2

        size = tuple(max(32, round(side / 32) * 32) for side in (width, height))
        interpolation = cv2.INTER_AREA if width <= page.shape[1] else cv2.INTER_LINEAR
        resized = cv2.resize(page, size, interpolation=interpolation)
        pixels = (resized.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
        heat = self._detector.run(None, {"x": pixels})[0]
        boxes, _ = self._boxes(heat, page.shape[:2])
        return np.asarray(boxes, dtype=np.float32).reshape(-1, 4, 2)

    def upside_down(self, page: Pixels, boxes: Boxes) -> float:
        """Return the share of the boxes, 0 to 1, whose text is upside down."""
        crops = [_crop(page, box)[:, :_CLASSIFIER_WIDTH] for box in boxes]
        scores = self._classifier.run(None, {"x": _pad(crops, _CLASSIFIER_WIDTH)})[0]
        return float((scores[:, 1] > scores[:, 0]).mean())

    def recognize(
        self, page: Pixels, boxes: Boxes, line_width: float = 1.0
    ) -> Iterator[list[tuple[int, Text]]]:
        """Yield (index into `boxes`, text) of each readable box, in batches of similar width.

        Lines are first scaled to `line_width` of their width, 0 to 1, which saves time. Unreadable
        boxes are left out; a batch is yielded even when nothing in it was readable.
        """
        crops = [_squeeze(_crop(page, box), line_width) for box in boxes]
        order = sorted(range(len(crops)), key=lambda index: crops[index].shape[1])
        while order:
            batch = _first_batch(order, crops)
            order = order[len(batch) :]
            yield self._recognize_batch(batch, crops, boxes)

    def _recognize_batch(
        self, batch: list[int], crops: list[Pixels], boxes: Boxes
    ) -> list[tuple[int, Text]]:
        width = _padded(crops[batch[-1]].shape[1])
        pixels = _pad([crops[index] for index in batch], width)
        scores = self._recognizer.run(None, {"x": pixels})[0][:, :, self._classes]
        texts = []
        for row, index in enumerate(batch):
            share = crops[index].shape[1] / width
            glyphs = _decode(scores[row], self._alphabet, share)
            corners = tuple((float(x), float(y)) for x, y in boxes[index])
            text = Text(corners, glyphs)
            if text.text.strip() and text.confidence >= _READABLE:
                texts.append((index, text))
        return texts


@functools.cache
def engine(threads: int) -> OcrEngine:
    """Return the process's engine for that many threads; models are loaded once."""
    return OcrEngine(threads)


def _latin(alphabet: list[str]) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Return the classes to read (blank, Latin, digits, signs) and the character of each.

    Without 18 000 ideographs, no smudge is read as one. Full-width forms are included and folded
    (NFKC), because the model often emits them for colons and brackets.
    """
    classes = [(0, "")]
    for index, char in enumerate(alphabet[1:], start=1):
        plain = unicodedata.normalize("NFKC", char)
        if plain and all(
            c < "\u0250" or "\u2000" <= c < "\u2070" or unicodedata.category(c) == "Sc"
            for c in plain
        ):
            classes.append((index, plain))
    return np.array([index for index, _ in classes], dtype=np.intp), [char for _, char in classes]


def _pad(crops: list[Pixels], width: int) -> npt.NDArray[np.float32]:
    """Return crops as one batch, shape (n, 3, height, width), -1 to 1, padded with 0."""
    pixels = np.zeros((len(crops), 3, _HEIGHT, width), dtype=np.float32)
    for row, crop in enumerate(crops):
        scaled = crop.astype(np.float32) / 127.5 - 1
        pixels[row, :, :, : crop.shape[1]] = scaled.transpose(2, 0, 1)
    return pixels


def _decode(
    scores: npt.NDArray[np.float32], alphabet: list[str], share: float
) -> tuple[Glyph, ...]:
    """Decode greedily by CTC: best class of each step, repeats and blanks dropped (Graves 2006)."""
    best = scores.argmax(axis=1)
    steps = max(1.0, len(best) * share)
    glyphs = []
    previous = 0
    for step, label in enumerate(best.tolist()):
        if label != previous and label != 0:
            others = scores[step].copy()
            others[label] = others[0] = 0
            second = int(others.argmax())
            glyphs.append(
                Glyph(
                    char=alphabet[label],
                    confidence=float(scores[step, label]),
                    x=min(1.0, (step + 0.5) / steps),
                    runner_up=alphabet[second] if others[second] >= _MIN_RUNNER_UP else "",
                )
            )
        previous = label
    return tuple(glyphs)


def _crop(page: Pixels, box: npt.NDArray[np.float32]) -> Pixels:
    """Cut out a box, straightened to the recognizer's height; tall boxes are rotated."""
    import cv2

    wide = max(np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[2] - box[3]))
    high = max(np.linalg.norm(box[0] - box[3]), np.linalg.norm(box[1] - box[2]))
    if high >= 1.5 * wide:
        box = np.roll(box, -1, axis=0)
        wide, high = high, wide
    width = int(min(_MAX_WIDTH, max(8, np.ceil(_HEIGHT * wide / max(1.0, float(high))))))
    target = np.array([[0, 0], [width, 0], [width, _HEIGHT], [0, _HEIGHT]], dtype=np.float32)
    transform: Any = cv2.getPerspectiveTransform(np.ascontiguousarray(box), target)
    crop = cv2.warpPerspective(
        page, transform, (width, _HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(crop, dtype=np.uint8)


def _squeeze(crop: Pixels, share: float) -> Pixels:
    import cv2

    if share >= 1 or crop.shape[1] < _MIN_WIDTH:
        return crop
    size = (round(crop.shape[1] * share), _HEIGHT)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _padded(width: int) -> int:
    return max(_MIN_WIDTH, -(-width // _WIDTH_STEP) * _WIDTH_STEP)


def _first_batch(order: list[int], crops: list[Pixels]) -> list[int]:
    """Return the first crops of `order` (sorted by width) that fit in one batch."""
    count = 1
    while count < len(order):
        width = _padded(crops[order[count]].shape[1])
        first = _padded(crops[order[0]].shape[1])
        if width * (count + 1) > _BATCH_COLUMNS or width > 1.3 * first:
            break
        count += 1
    return order[:count]
