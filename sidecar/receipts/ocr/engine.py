"""Text detection and recognition: PP-OCRv6 (small), the models of RapidOCR's wheel, on onnxruntime.

RapidOCR's own pipeline pads every line to 320 pixels, six in a batch, reads 18 000 ideographs on
every page and returns only the best reading; see recognizer.py for what is done here. No network
is used.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sidecar.receipts.ocr.crops import batch_of, crop, squeeze
from sidecar.receipts.ocr.fast_recognizer import model_folder
from sidecar.receipts.ocr.recognizer import Print, Recognizer
from sidecar.receipts.types import Boxes, Pixels, Text

_CLASSIFIER_WIDTH = 192
_BATCH = 6  # texts; a cancelled reading stops after one batch
_READABLE = 0.5  # mean character probability below which a text is noise (RapidOCR's text_score)


class OcrEngine:
    """The loaded models. Not guaranteed to be thread-safe; each process has one, see `engine`."""

    def __init__(self, threads: int) -> None:
        """`threads`: cores that one call may use; one when tasks run in parallel."""
        import cv2
        import onnxruntime
        from rapidocr.ch_ppocr_det.utils import DBPostProcess

        cv2.setNumThreads(threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = False  # shapes vary: an arena would keep the largest

        def session(model: Path | bytes) -> Any:
            source = model if isinstance(model, bytes) else str(model)
            return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

        folder = model_folder()
        self._detector = session(folder / "PP-OCRv6_det_small.onnx")
        self._classifier = session(folder / "ch_ppocr_mobile_v2.0_cls_mobile.onnx")
        self._recognizer = Recognizer(session)
        self._boxes = DBPostProcess(thresh=0.3, box_thresh=0.5, unclip_ratio=1.6, use_dilation=True)

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
        lines = [crop(page, box)[:, :_CLASSIFIER_WIDTH] for box in boxes]
        scores = self._classifier.run(None, {"x": batch_of(lines, _CLASSIFIER_WIDTH)})[0]
        return float((scores[:, 1] > scores[:, 0]).mean())

    def recognize(
        self, page: Pixels, boxes: Boxes, line_width: float = 1.0, printed: Print | None = None
    ) -> Iterator[list[tuple[int, Text]]]:
        """Yield (index into `boxes`, text) of each readable box, in batches.

        Lines are first scaled to `line_width` of their width, 0 to 1, which saves time. `printed`
        is known from an earlier reading of the page. Unreadable boxes are left out; a batch is
        yielded even when nothing in it was readable.
        """
        lines = [squeeze(crop(page, box), line_width) for box in boxes]
        batch = []
        for count, (index, glyphs) in enumerate(self._recognizer.read(lines, printed), start=1):
            text = Text(tuple((float(x), float(y)) for x, y in boxes[index]), glyphs)
            if text.text.strip() and text.confidence >= _READABLE:
                batch.append((index, text))
            if count % _BATCH == 0 or count == len(lines):
                yield batch
                batch = []


@functools.cache
def engine(threads: int) -> OcrEngine:
    """Return the process's engine for that many threads; models are loaded once."""
    return OcrEngine(threads)
