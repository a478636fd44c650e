"""Cyrillic letters, read from the features of PP-OCRv6, whose own last layer knows none.

A second, learned head of three layers reads the features that the recognizer computes anyway. It
knows English letters too, for the brands among Cyrillic words; a line without a Cyrillic word stays
as the recognizer reads it. training/cyrillic.py fits the weights.
"""

import functools
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources

import numpy as np
import numpy.typing as npt

from sidecar.receipts.types import Glyph

LETTERS = (
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁІЇЄҐЎЂЈЉЊЋЏЃЌЅабвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґўђјљњћџѓќѕ"
)
"""Of Russian, Ukrainian, Belarusian, Bulgarian, Serbian and Macedonian."""
FOREIGN = "\N{WHITE SQUARE}"
"""Stands for a letter of no Cyrillic or English word."""
_SIGNS = "0123456789 .,:;-+=*/%#№()\"«»'!?&@×₽₴€_<>|"
ALPHABET = ("", *LETTERS, *_SIGNS, *string.ascii_letters, FOREIGN)
"""The head's classes; the first is CTC's blank."""

NEAR = 5
"""Steps that the second layer sees at once."""

_WORD = re.compile(r"[^\W\d_]+")
_LATIN, _CYRILLIC = "ABCEHIJKMOPSTXYaceijopsxy", "АВСЕНІЈКМОРЅТХУасеіјорѕху"
_TO_CYRILLIC, _TO_LATIN = str.maketrans(_LATIN, _CYRILLIC), str.maketrans(_CYRILLIC, _LATIN)


class CyrillicHead:
    """The loaded weights."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._weights = weights

    def probabilities(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return each step's classes, shape (steps, len(ALPHABET)).

        `features` has shape (steps, FEATURES of fast_recognizer.py).
        """
        w = self._weights
        hidden = np.maximum(features @ w["step"] + w["step_bias"], 0)
        padded = np.pad(hidden, ((NEAR // 2, NEAR // 2), (0, 0)))
        near = np.concatenate([padded[k : k + len(hidden)] for k in range(NEAR)], axis=1)
        hidden = hidden + np.maximum(near @ w["near"] + w["near_bias"], 0)
        logits = hidden @ w["out"] + w["out_bias"]
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores: npt.NDArray[np.float32] = exponents / exponents.sum(axis=1, keepdims=True)
        return scores


@functools.cache
def cyrillic_head() -> CyrillicHead:
    """Return the package's head."""
    path = resources.files("sidecar.receipts").joinpath("data/cyrillic_head.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return CyrillicHead({name: arrays[name].astype(np.float32) for name in arrays.files})


def joined(
    encoded: npt.NDArray[np.float32], pooled: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return the two outputs of the recognizer's fast copy as the features of one line's steps."""
    return np.concatenate([encoded[0], pooled[0, :, 0].T], axis=1)


def choose(cyrillic: Sequence[Glyph], other: Sequence[Glyph]) -> tuple[Glyph, ...]:
    """Return the head's reading of a line if it has a word in Cyrillic letters, else the other."""
    words = _WORD.findall("".join(glyph.char for glyph in cyrillic))
    if not any(_is_cyrillic(word) and (len(word) > 1 or word not in _CYRILLIC) for word in words):
        return tuple(other)
    known = (glyph if glyph.char != FOREIGN else _nearest(glyph, other) for glyph in cyrillic)
    glyphs = tuple(glyph for glyph in known if glyph is not None)
    text = _WORD.sub(_consistent, "".join(glyph.char for glyph in glyphs))
    if len(text) != len(glyphs):  # a sign of the other reading is of two characters, or gets two
        return glyphs
    return tuple(
        replace(glyph, char=char, runner_up=glyph.runner_up.replace(FOREIGN, ""))
        for glyph, char in zip(glyphs, text, strict=True)
    )


def _nearest(glyph: Glyph, other: Sequence[Glyph]) -> Glyph | None:
    return min(other, key=lambda near: abs(near.x - glyph.x), default=None)


def _is_cyrillic(word: str) -> bool:
    return 2 * sum(char in LETTERS for char in word) >= len(word)


def _consistent(match: re.Match[str]) -> str:
    """Write a word in one script, and in one case behind its first letter: whichever prevails.

    Many letters look the same in both scripts or cases, and a word's line shows no more than that.
    """
    word = match[0]
    word = word.translate(_TO_CYRILLIC if _is_cyrillic(word) else _TO_LATIN)
    rest = word[1:]
    if rest and 2 * sum(map(str.isupper, rest)) >= len(rest):
        return word.upper()
    return word[:1] + rest.lower()
