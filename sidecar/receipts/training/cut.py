"""Receipts whose header is cut off, as on many photographs: no line of them names the shop."""

import random

from rapidfuzz import fuzz

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.roles.roles import LineClass
from sidecar.receipts.roles.tokens import tokenize
from sidecar.receipts.training.examples import Example
from sidecar.receipts.training.labels import labels_of

_LEFT = 3  # lines of the header that may be left above the first item
_SAME_LETTERS = 6
_SIMILAR = 85  # partial ratio from which a line may show the shop's name


def without_header(rng: random.Random, example: Example) -> Example | None:
    """Return the receipt from about its first item on, with "" as its merchant; None if it names
    its shop further below, or if its shop or its items are not known.
    """
    merchant = fold(str(example.truth.get("merchant") or ""))
    if not merchant or not example.truth.get("items"):
        return None
    classes = labels_of(tokenize(example.rows), example.truth).lines
    wanted = (LineClass.ITEM, LineClass.NAME_ABOVE)
    first = next((n for n, kind in enumerate(classes) if kind in wanted), 0)
    naming = [n for n, row in enumerate(example.rows) if _names(fold(row.text), merchant)]
    if not naming or naming[-1] >= first:
        return None
    start = max(naming[-1] + 1, first - rng.randint(0, _LEFT))
    return Example(example.rows[start:], {**example.truth, "merchant": ""})


def _names(line: str, merchant: str) -> bool:
    letters, wanted = ("".join(filter(str.isalnum, text)) for text in (line, merchant))
    return wanted[:_SAME_LETTERS] in letters or (
        len(letters) > _SAME_LETTERS and fuzz.partial_ratio(letters, wanted) >= _SIMILAR
    )
