"""Where a model's files are, and which they are."""

import hashlib
import os
from pathlib import Path
from typing import Final

_OTHER_FRAMEWORKS: Final = ["*.onnx", "*.h5", "*.msgpack", "*.ot", "*.tflite", "openvino/*"]


def model_folder(model: str) -> Path:
    """The folder of a model given as a folder or a hub id; downloads what is not there yet."""
    if Path(model).is_dir():
        return Path(model)
    # Imported where it is used: it takes a tenth of a second, in every process of the graph.
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, ignore_patterns=_OTHER_FRAMEWORKS))


def content_version(folder: Path) -> str:
    """The first 12 hex digits of a hash over the weights and configurations of the folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".txt"}:
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def device_of(setting: str) -> str:
    """torch's name of the device: "auto" takes the GPU that this process was given, if any."""
    if setting != "auto":
        return setting
    # Ray names the GPUs of a replica in its environment. Without one torch need not be imported,
    # which takes seconds.
    if not os.environ.get("CUDA_VISIBLE_DEVICES"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
