"""Receipts with the roles of their tokens written beside them: evidence without a trained network.

Each line is a receipt's line, "|", and one letter for each of its tokens:

    OAT MILK   2.00  | nni
    TOTAL      2.00  | .t

A second "|" may follow with the line's class (ABOVE, BELOW, MERCHANT).
"""

import numpy as np

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.ocr.layout import Row
from sidecar.receipts.roles.features import features_of
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.tokens import TokenizedReceipt, tokenize
from sidecar.receipts.text_rows import rows_from_text

LETTERS = {
    ".": Role.OTHER, "n": Role.NAME, "q": Role.QUANTITY, "u": Role.UNIT_PRICE, "i": Role.ITEM,
    "d": Role.DISCOUNT, "s": Role.SUBTOTAL, "x": Role.TAX, "c": Role.CHARGE, "t": Role.TOTAL,
    "p": Role.PAID, "g": Role.CHANGE,
}  # fmt: skip
CLASSES = {
    "ABOVE": LineClass.NAME_ABOVE,
    "BELOW": LineClass.NAME_BELOW,
    "MERCHANT": LineClass.MERCHANT,
}


def tokenized(text: str) -> TokenizedReceipt:
    """Return a receipt that is given as text as tokens."""
    return tokenize(rows_from_text(text))


def annotated(text: str, sure: float = 0.98) -> Evidence:
    """Return the evidence in which each token has its role with probability `sure`."""
    lines = [[part.strip() for part in line.split("|")] for line in text.strip().splitlines()]
    return evidence_from(rows_from_text("\n".join(line[0] for line in lines)), lines, sure)


def evidence_from(rows: list[Row], lines: list[list[str]], sure: float = 0.98) -> Evidence:
    """Return the evidence of rows, with the letters and the class of each line."""
    features = features_of(receipt := tokenize(rows))
    letters = "".join(line[1] for line in lines)
    assert [len(tokens) for tokens in receipt.lines] == [len(line[1]) for line in lines]
    roles = np.full((len(letters), len(Role)), (1 - sure) / (len(Role) - 1), dtype=np.float32)
    for index, letter in enumerate(letters):
        roles[index, LETTERS[letter]] = sure
    classes = np.full((len(lines), len(LineClass)), (1 - sure) / 4, dtype=np.float32)
    for number, line in enumerate(lines):
        usual = LineClass.ITEM if "i" in line[1] else LineClass.NONE
        classes[number, CLASSES[line[2]] if len(line) > 2 else usual] = sure
    return Evidence(receipt, features, roles, classes)
