"""The packaged name model: data/name_model.npz, which `sidecar.classification.training` writes."""

import hashlib
import io
from functools import cache
from importlib.resources import files

import numpy as np

from sidecar.text.ngrams import NgramModel


@cache
def name_model() -> tuple[NgramModel, str]:
    """Return the model, and the first 8 hex digits of a hash of its file."""
    content = files(__package__).joinpath("data/name_model.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return NgramModel(dict(arrays)), hashlib.sha256(content).hexdigest()[:8]
