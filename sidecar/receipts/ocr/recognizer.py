"""Recognizes lines: PP-OCRv6's fast copy for Latin and Greek, the whole one for ideographs, and a
head of its own for Cyrillic.

Each line is a batch of its own. That takes as long as a larger one, which pads the shorter lines,
and a line's text does not depend on its neighbors'. Each character keeps its runner-up, which lets
reconciliation choose between 8 and B.
"""

import functools
import math
import statistics
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sidecar.receipts.ocr.crops import HEIGHT, batch_of, padded_width, squeeze
from sidecar.receipts.ocr.cyrillic import ALPHABET as CYRILLIC_ALPHABET
from sidecar.receipts.ocr.cyrillic import choose, cyrillic_head, joined
from sidecar.receipts.ocr.fast_recognizer import ALPHABET, FULL_MODEL, fast_model, model_folder
from sidecar.receipts.ocr.scripts import Script, greek_words, has_han, script_of, script_of_page
from sidecar.receipts.types import Glyph, Pixels, Text

_MIN_RUNNER_UP = 0.02  # probability of a character's second reading
_SAMPLE = 5  # lines that show a page's print
_ADVANCE = 15  # pixels of width that a Latin character needs
_MIN_NARROWING = 0.7
_MIN_ADVANCE = 10  # pixels of a narrowed character; finer print is read at its full width,
_CONFIDENT = 0.85  # and so is what is read with less confidence
_MIN_LETTERS = 5  # of a text that shows how wide the print is
_SURE = 0.8  # confidence of a Latin reading on a page of ideographs, to be kept


class Session(Protocol):
    """An onnxruntime session."""

    def run(self, outputs: None, inputs: Mapping[str, Any]) -> Sequence[Any]:
        """Return the model's outputs."""

    def get_modelmeta(self) -> Any:
        """Return the model's metadata."""


@dataclass(frozen=True, slots=True)
class Print:
    """How a page is printed: what some of its lines show about the others."""

    script: Script = Script.LATIN
    narrowing: float = 1.0
    """Factor on the width of lines that leaves each character wide enough to be recognized."""


def print_of(readings: Iterable[tuple[float, str]]) -> Print:
    """Return how a page is printed, from the widths of lines, in pixels at the recognizer's height,
    and their texts, recognized with no script in mind.
    """
    readings = list(readings)
    script = script_of_page(text for _, text in readings)
    advances = [width / len(text) for width, text in readings if len(text) >= _MIN_LETTERS]
    if script is not Script.LATIN or not advances:
        return Print(script)
    return Print(script, min(1.0, max(_MIN_NARROWING, _ADVANCE / statistics.median(advances))))


def print_of_texts(texts: Iterable[Text]) -> Print:
    """Return how a page is printed, from all texts that were recognized on it."""
    readings = []
    for text in texts:
        (ax, ay), (bx, by), _, (dx, dy) = text.box
        width, height = math.dist((ax, ay), (bx, by)), math.dist((ax, ay), (dx, dy))
        readings.append((HEIGHT * width / max(1.0, height), text.text))
    return print_of(readings)


class Recognizer:
    """The loaded models. The whole one is loaded for the first page that needs it."""

    def __init__(self, load: Callable[[Path | bytes], Session]) -> None:
        """`load` returns the session of a model's file or bytes."""
        self._load = load
        self._fast = _Model(load(fast_model()))

    @functools.cached_property
    def _full(self) -> "_Model":
        return _Model(self._load(model_folder() / f"{FULL_MODEL}.onnx"))

    def read(
        self, lines: Sequence[Pixels], printed: Print | None = None
    ) -> Iterator[tuple[int, tuple[Glyph, ...]]]:
        """Yield (index into `lines`, characters) of each line of a page, in no order.

        `printed` is known from an earlier reading of the page; otherwise some lines show it.
        """
        sample: dict[int, _Scores] = {}
        if printed is None:
            sample = {index: self._fast.run(lines[index]) for index in _sample(lines)}
            printed = self._print_of(lines, sample)
        for index, scores in sample.items():
            yield index, self._decode(lines[index], scores, printed.script)
        for index, line in enumerate(lines):
            if index not in sample:
                yield index, self._read_line(line, printed)

    def _print_of(self, lines: Sequence[Pixels], sample: Mapping[int, "_Scores"]) -> Print:
        """Return how a page is printed: in Cyrillic, if its sample is read more surely so."""
        readings = {index: self._fast.decode(scores) for index, scores in sample.items()}
        surer = (
            max(glyphs, choose(_decode_cyrillic(sample[index]), glyphs), key=_confidence)
            for index, glyphs in readings.items()
        )
        if script_of_page(map(_text, surer)) is Script.CYRILLIC:
            return Print(Script.CYRILLIC)
        return print_of((lines[i].shape[1], _text(glyphs)) for i, glyphs in readings.items())

    def _read_line(self, line: Pixels, printed: Print) -> tuple[Glyph, ...]:
        """Read a line as narrow as its page's print allows; as wide as it is, if that is unsure."""
        narrow = squeeze(line, printed.narrowing)
        glyphs = self._decode(line, self._fast.run(narrow), printed.script)
        width = narrow.shape[1]
        if width == line.shape[1] or (
            _confidence(glyphs) >= _CONFIDENT and width >= _MIN_ADVANCE * len(glyphs)
        ):
            return glyphs
        wide = self._decode(line, self._fast.run(line), printed.script)
        return max(wide, glyphs, key=_confidence)

    def _decode(self, line: Pixels, scores: "_Scores", script: Script) -> tuple[Glyph, ...]:
        glyphs = self._fast.decode(scores, Script.GREEK if script is Script.GREEK else Script.LATIN)
        if script is Script.GREEK:
            return _in_greek(glyphs)
        if script is Script.CYRILLIC:
            return choose(_decode_cyrillic(scores), glyphs)
        if script is Script.HAN and (
            has_han(_text(self._fast.decode(scores))) or _confidence(glyphs) < _SURE
        ):
            return self._full.decode(self._full.run(line), Script.HAN)
        return glyphs


@dataclass(frozen=True, slots=True)
class _Scores:
    """A model's answer for a line."""

    probabilities: npt.NDArray[np.float32]
    """Shape (steps, classes)."""
    share: float
    """The part of the steps that the line covers; the others are padding."""
    features: Sequence[npt.NDArray[np.float32]]
    """What the Cyrillic head reads, as the model returns it; empty for the whole model."""


class _Model:
    """A recognizer and its alphabet."""

    def __init__(self, session: Session) -> None:
        self._session = session
        signs = session.get_modelmeta().custom_metadata_map[ALPHABET].splitlines()
        self._alphabet = ["", *(unicodedata.normalize("NFKC", sign) for sign in signs), " "]
        scripts = [script_of(sign) for sign in self._alphabet]
        self._classes = {
            script: np.array(
                [0] + [row for row, of in enumerate(scripts) if of in (Script.LATIN, script)],
                dtype=np.intp,
            )
            for script in Script
        }

    def run(self, line: Pixels) -> _Scores:
        width = padded_width(line)
        probabilities, *features = self._session.run(None, {"x": batch_of([line], width)})
        return _Scores(probabilities[0], line.shape[1] / width, features)

    def decode(self, scores: _Scores, script: Script | None = None) -> tuple[Glyph, ...]:
        """Return the characters in that script and Latin, None: in any."""
        if script is None:
            return _decode(scores.probabilities, self._alphabet, scores.share)
        classes = self._classes[script]
        alphabet = [self._alphabet[index] for index in classes]
        return _decode(scores.probabilities[:, classes], alphabet, scores.share)


def _sample(lines: Sequence[Pixels]) -> Sequence[int]:
    """Return the lines that show a page's print: of middle widths, names rather than amounts."""
    by_width = sorted(range(len(lines)), key=lambda index: lines[index].shape[1])
    middle = len(lines) * 3 // 5
    return by_width[max(0, middle - _SAMPLE // 2) :][:_SAMPLE]


def _decode(
    probabilities: npt.NDArray[np.float32], alphabet: Sequence[str], share: float
) -> tuple[Glyph, ...]:
    """Decode greedily by CTC: best class of each step, repeats and blanks dropped (Graves 2006)."""
    best = probabilities.argmax(axis=1)
    steps = max(1.0, len(best) * share)
    glyphs = []
    previous = 0
    for step, label in enumerate(best.tolist()):
        if label != previous and label != 0:
            others = probabilities[step].copy()
            others[label] = others[0] = 0
            second = int(others.argmax())
            glyphs.append(
                Glyph(
                    char=alphabet[label],
                    confidence=float(probabilities[step, label]),
                    x=min(1.0, (step + 0.5) / steps),
                    runner_up=alphabet[second] if others[second] >= _MIN_RUNNER_UP else "",
                )
            )
        previous = label
    return tuple(glyphs)


def _decode_cyrillic(scores: _Scores) -> tuple[Glyph, ...]:
    probabilities = cyrillic_head().probabilities(joined(*scores.features))
    return _decode(probabilities, CYRILLIC_ALPHABET, scores.share)


def _text(glyphs: Iterable[Glyph]) -> str:
    return "".join(glyph.char for glyph in glyphs)


def _confidence(glyphs: Sequence[Glyph]) -> float:
    return sum(glyph.confidence for glyph in glyphs) / max(1, len(glyphs))


def _in_greek(glyphs: tuple[Glyph, ...]) -> tuple[Glyph, ...]:
    text = greek_words(_text(glyphs))
    if len(text) != len(glyphs):  # some sign was folded to two characters
        return glyphs
    return tuple(replace(glyph, char=char) for glyph, char in zip(glyphs, text, strict=True))
