"""The tokens of a receipt with the probabilities of their roles: what the search chooses from."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from sidecar.receipts.roles.features import Features, features_of
from sidecar.receipts.roles.network import Array, RoleModel
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.roles.tokens import Token, TokenizedReceipt


@dataclass(frozen=True, slots=True)
class Evidence:
    """A receipt as the model sees it."""

    receipt: TokenizedReceipt
    features: Features
    roles: Array
    """(tokens, len(Role)): probabilities."""
    lines: Array
    """(lines, len(LineClass)): probabilities."""

    @property
    def tokens(self) -> tuple[Token, ...]:
        return self.features.tokens

    def of_row(self, row: int) -> range:
        """Return the indices of a line's tokens."""
        first, last = np.searchsorted(self.features.line, [row, row + 1])
        return range(int(first), int(last))

    def amounts(self) -> Iterator[tuple[int, Token, Decimal]]:
        """Yield index, token and value of each number that may be an amount of money."""
        for index, token in enumerate(self.tokens):
            if token.value is not None and not token.percent:
                yield index, token, token.value

    def role(self, index: int, role: Role) -> float:
        return float(self.roles[index, role])

    def line(self, row: int, kind: LineClass) -> float:
        return float(self.lines[row, kind])


def evidence_of(receipt: TokenizedReceipt, model: RoleModel) -> Evidence:
    """Return a receipt with the model's probabilities."""
    features = features_of(receipt)
    if not features.tokens:
        empty = np.zeros((0, len(Role)), dtype=np.float32)
        return Evidence(receipt, features, empty, np.zeros((0, len(LineClass)), dtype=np.float32))
    predicted = model.predict(features)
    return Evidence(receipt, features, predicted.roles, predicted.lines)
