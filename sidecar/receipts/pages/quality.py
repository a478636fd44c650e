"""Warns about photos that are too dark, faint or blurred to read, and about unknown scripts.

Only the text is measured, not the whole picture: a sharp receipt on a dark table is fine. A sharp
receipt whose numbers are read well and whose words are not is in a script that the recognizer lacks:
Cyrillic, Arabic, Hebrew, Thai, Hangul and others.
"""

from collections.abc import Sequence

import numpy as np

from sidecar.receipts.types import Boxes, Pixels, Text

_DARK = 70  # gray level, 0 to 255, of the paper between letters
_FAINT = 28  # gray levels between ink and paper
_BLURRED = 0.055  # steepest edges over contrast, for letters of the recognizer's size
_DOUBTFUL = 0.8  # mean confidence of characters, and share of readable boxes
_SURE = 0.9  # confidence of a text in a script that the recognizer knows
_KNOWN = 0.5  # share of such texts among the words of a page; 0.6 and more on hard photos
_MIN_WORDS = 5

_UNKNOWN_SCRIPT = "Much of the text is in a script that this service does not read."


def photo_warnings(page: Pixels, boxes: Boxes, texts: Sequence[Text]) -> tuple[str, ...]:
    """Return a request for a better photo, or nothing for one that is readable.

    `texts` are those of `boxes` that were readable.
    """
    if _is_in_unknown_script(len(boxes), texts):
        paper, contrast, edges = _measures(page, boxes)
        if paper >= _DARK and contrast >= _FAINT and edges >= _BLURRED:
            return (_UNKNOWN_SCRIPT,)
    letters = sum(len(text.glyphs) for text in texts)
    if letters == 0:
        return ()
    confidence = sum(text.confidence * len(text.glyphs) for text in texts) / letters
    readable = len(texts) / max(1, len(boxes))
    if confidence >= _DOUBTFUL and readable >= _DOUBTFUL:
        return ()
    paper, contrast, edges = _measures(page, boxes)
    if paper < _DARK:
        return ("The photo is too dark to read well; please take one in better light.",)
    if contrast < _FAINT:
        return ("The print is too faint to read well; please take a closer photo.",)
    if edges < _BLURRED:
        return ("The photo is blurred; please hold still and take a sharper one.",)
    return ("Much of the text could not be read well; please take a better photo.",)


def _is_in_unknown_script(boxes: int, texts: Sequence[Text]) -> bool:
    """Whether the numbers of a page are read well and its words are not."""
    numbers = [text for text in texts if _is_number(text.text)]
    if sum(text.confidence for text in numbers) < _SURE * len(numbers):
        return False
    words = boxes - len(numbers)
    sure = sum(text.confidence >= _SURE for text in texts if not _is_number(text.text))
    return words >= _MIN_WORDS and sure < _KNOWN * words


def _is_number(text: str) -> bool:
    """Whether half of a text's letters and digits are digits."""
    return 2 * sum(map(str.isdigit, text)) >= sum(map(str.isalnum, text))


def _measures(page: Pixels, boxes: Boxes) -> tuple[float, float, float]:
    """Return medians over the boxes: gray level of paper, its contrast to ink, edge steepness."""
    import cv2

    papers, contrasts, edges = [], [], []
    for box in boxes[:60]:
        left, top = np.maximum(0, box.min(axis=0)).astype(int)
        right, bottom = box.max(axis=0).astype(int) + 1
        patch = page[top:bottom, left:right]
        if min(patch.shape[:2]) < 4:
            continue
        scale = 32 / patch.shape[0]
        size = (max(4, round(patch.shape[1] * scale)), 32)
        gray = cv2.cvtColor(cv2.resize(patch, size), cv2.COLOR_BGR2GRAY).astype(np.float32)
        ink, paper = np.percentile(gray, (5, 80))
        steps = np.abs(cv2.Laplacian(gray, cv2.CV_32F))
        papers.append(paper)
        contrasts.append(paper - ink)
        edges.append(float(steps.std()) / max(1.0, 4 * float(paper - ink)))
    if not papers:
        return 255.0, 255.0, 1.0
    return float(np.median(papers)), float(np.median(contrasts)), float(np.median(edges))
