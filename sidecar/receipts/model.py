"""The trained model of the package: data/receipt_model.npz, described in docs/receipt-model.md."""

import functools
from dataclasses import dataclass
from importlib import resources

import numpy as np

from sidecar.receipts.assignment.ranking import Calibration
from sidecar.receipts.roles.network import RoleModel

CALIBRATION = "calibration."
"""Prefix of the calibration's arrays in the file."""


@dataclass(frozen=True)
class ReceiptModel:
    """The network, and the small models that weigh what it says."""

    roles: RoleModel
    calibration: Calibration


@functools.cache
def receipt_model() -> ReceiptModel:
    """Return the model of the package; its weights are loaded once."""
    path = resources.files("sidecar.receipts").joinpath("data/receipt_model.npz")
    with resources.as_file(path) as file, np.load(file) as arrays:
        return model_from(dict(arrays))


def model_from(arrays: "dict[str, np.ndarray]") -> ReceiptModel:
    """Return the model of a file's arrays."""
    calibration = {
        name.removeprefix(CALIBRATION): array.astype(np.float64)
        for name, array in arrays.items()
        if name.startswith(CALIBRATION)
    }
    weights = {n: array for n, array in arrays.items() if not n.startswith(CALIBRATION)}
    return ReceiptModel(RoleModel(weights), Calibration(calibration))
