"""Finds the lines that a later detection pass cut as an earlier one did: they are read once."""

from collections.abc import Mapping

import numpy as np

from sidecar.receipts.types import Boxes, Text

_SAME = 0.2  # of a line's height: how far corners may lie apart
_SURE = 0.9  # confidence of every character of a text that is not read again


def reusable(boxes: Boxes, earlier: Boxes, texts: Mapping[int, Text]) -> dict[int, Text]:
    """Return the texts, by index into `boxes`, that were surely read from the same crops before.

    `texts` are those of the boxes in `earlier`, by index.
    """
    sure = [
        index
        for index, text in texts.items()
        if all(glyph.confidence >= _SURE for glyph in text.glyphs)
    ]
    if not sure or not len(boxes):
        return {}
    distances = np.linalg.norm(boxes[:, None] - earlier[sure][None], axis=3).max(axis=2)
    nearest = distances.argmin(axis=1)
    heights = np.linalg.norm(boxes[:, 0] - boxes[:, 3], axis=1)
    return {
        index: texts[sure[near]]
        for index, near in enumerate(nearest.tolist())
        if distances[index, near] <= _SAME * heights[index]
    }
