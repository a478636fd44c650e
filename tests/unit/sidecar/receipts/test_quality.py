"""Warnings about a photo: a better one is asked for, or the script is said to be unknown."""

import numpy as np
import pytest

from sidecar.receipts.pages.quality import photo_warnings
from sidecar.receipts.types import Boxes, Glyph, Pixels, Text

SCRIPT = "Much of the text is in a script that this service does not read."


def boxes(count: int) -> Boxes:
    one = np.array([[10, 0], [90, 0], [90, 20], [10, 20]])
    down = np.array([0, 30]) * np.arange(count)[:, None, None]
    return (one + down).astype(np.float32)


def page(ink: int = 0, paper: int = 250) -> Pixels:
    """Return sharp stripes, as of letters."""
    gray = np.full((400, 100), paper, dtype=np.uint8)
    gray[:, ::6] = ink
    gray[:, 1::6] = ink
    return np.repeat(gray[..., None], 3, axis=2)


def texts(confidences: dict[str, float]) -> list[Text]:
    corners = ((10.0, 0.0), (90.0, 0.0), (90.0, 20.0), (10.0, 20.0))
    return [
        Text(corners, tuple(Glyph(char, confidence, 0.5) for char in value))
        for value, confidence in confidences.items()
    ]


NUMBERS = {"1.99": 0.99, "12.50": 1.0, "14.49": 1.0}
GARBLED = {"XNEB": 0.7, "MONOKO": 0.75, "CBIP": 0.6}
WORDS = {"MILK": 0.99, "BREAD": 0.98, "TOTAL": 1.0}


def test_well_read_numbers_beside_garbled_words_are_an_unknown_script() -> None:
    assert photo_warnings(page(), boxes(8), texts(NUMBERS | GARBLED)) == (SCRIPT,)


@pytest.mark.parametrize(
    "read",
    [
        NUMBERS | WORDS | GARBLED,  # a line or two was hard
        {"1.99": 0.6, "12.50": 0.8} | GARBLED | {"APBY3": 0.7, "CbIP": 0.5},  # everything was
    ],
)
def test_hard_lines_are_no_unknown_script(read: dict[str, float]) -> None:
    assert SCRIPT not in photo_warnings(page(), boxes(len(read)), texts(read))


def test_a_dark_or_faint_photo_is_no_unknown_script() -> None:
    read = texts(NUMBERS | GARBLED)
    [dark] = photo_warnings(page(0, 60), boxes(8), read)
    [faint] = photo_warnings(page(230, 250), boxes(8), read)
    assert "dark" in dark
    assert "faint" in faint


def test_soft_print_hides_an_unknown_script_only_where_some_words_are_read() -> None:
    soft = np.full((400, 100, 3), 250, dtype=np.uint8)
    soft[:, :, :] = (190 + 60 * np.cos(np.arange(100) / 3))[None, :, None]
    garbled = GARBLED | {"APBY3": 0.7, "CbIP": 0.5}
    assert photo_warnings(soft, boxes(8), texts(NUMBERS | garbled)) == (SCRIPT,)
    some = garbled | {"MILK": 0.99, "TEA": 0.98}
    assert SCRIPT not in photo_warnings(soft, boxes(10), texts(NUMBERS | some))


def test_a_few_words_are_too_few_to_tell() -> None:
    read = texts(NUMBERS | {"XNEB": 0.7})
    assert SCRIPT not in photo_warnings(page(), boxes(len(read)), read)


def test_a_clear_photo_has_no_warning() -> None:
    assert photo_warnings(page(), boxes(6), texts(NUMBERS | WORDS)) == ()
    assert photo_warnings(page(), boxes(0), []) == ()
