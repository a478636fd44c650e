"""Cuts the recognizer's last layer to the signs of most receipts, which takes a fifth off its time.

PP-OCRv6's last product has 18 710 classes, most of them ideographs that few receipts show. The copy
keeps Latin, Greek, and as evidence of Chinese and Japanese the kana and some ideographs. Beside the
probabilities it returns what cyrillic.py reads: the features before the last layer.

`python -m sidecar.receipts.ocr.fast_recognizer` stores the copy beside the installation; the
installation runs it. Where the file is missing, the copy is made again as the models are loaded.
"""

import hashlib
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from sidecar.core.build_cache import INSTALL_DIR
from sidecar.receipts.ocr.scripts import Script, is_evidence, script_of

FULL_MODEL = "PP-OCRv6_rec_small"
ALPHABET = (
    "character"  # the key of a model's metadata with its signs, one a line, less blank and space
)
FEATURES = 120 + 384
"""Of each step: what the last layer sees, and what the encoder before it sees."""
_FORMAT = 2  # to be counted up when other classes are kept, or other outputs


def model_folder() -> Path:
    """Return the folder of RapidOCR's models."""
    import rapidocr

    return Path(rapidocr.__file__).parent / "models"


def fast_model(folder: Path = INSTALL_DIR) -> Path | bytes:
    """Return the copy's file in `folder`, made if it is missing, or its bytes in a read-only one.

    The file's name identifies the model that it was cut from.
    """
    full = (model_folder() / f"{FULL_MODEL}.onnx").read_bytes()
    digest = hashlib.sha256(full).hexdigest()[:12]
    path = folder / f"{FULL_MODEL}-{digest}-{_FORMAT}.onnx"
    if path.is_file():
        return path
    model = cut(full)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(model)
        temporary = Path(file.name)
        temporary.chmod(0o644)  # the service may run as another user than its installer
        temporary.rename(path)
        return path
    return model


def cut(full: bytes) -> bytes:
    """Return an ONNX model like the recognizer `full`, with the classes of `kept` alone.

    Its second and third output are the features: shapes (1, steps, 120) and (1, 384, 1, steps).
    """
    import onnx

    model = onnx.load_from_string(full)
    metadata = {entry.key: entry for entry in model.metadata_props}
    alphabet = ["", *metadata[ALPHABET].value.splitlines(), " "]
    classes = kept(alphabet)
    for weights in _last_layer(model):
        array = onnx.numpy_helper.to_array(weights)[..., classes]
        weights.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array), weights.name))
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(classes)
    for name in _features(model):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    signs = (unicodedata.normalize("NFKC", alphabet[index]) for index in classes[1:-1])
    metadata[ALPHABET].value = "\n".join(signs)
    cut_model: bytes = model.SerializeToString()
    return cut_model


def kept(alphabet: list[str]) -> list[int]:
    """Return the classes to keep: the blank, Latin signs, and evidence of other scripts."""
    return [0] + [
        index
        for index, sign in enumerate(alphabet[1:], start=1)
        if script_of(sign) is Script.LATIN or is_evidence(sign)
    ]


def _features(model: Any) -> tuple[str, str]:
    """Return the names of the last layer's input, and of the pooled features before the encoder."""
    last = next(node for node in reversed(model.graph.node) if node.op_type == "MatMul")
    pooled = next(node for node in reversed(model.graph.node) if node.op_type == "AveragePool")
    return last.input[0], pooled.output[0]


def _last_layer(model: Any) -> list[Any]:
    """Return the weights and the bias in front of the softmax that is the model's output."""
    by_output = {output: node for node in model.graph.node for output in node.output}
    initializers = {weights.name: weights for weights in model.graph.initializer}
    found: list[Any] = []
    node = by_output[model.graph.output[0].name]
    while node.op_type != "MatMul":
        if node.op_type not in ("Softmax", "Identity", "Add"):
            raise ValueError(f"the recognizer has an unknown last layer: {node.op_type}")
        found += [initializers[name] for name in node.input if name in initializers]
        node = by_output[node.input[0]]
    return [*found, *(initializers[name] for name in node.input if name in initializers)]


if __name__ == "__main__":
    fast_model()
