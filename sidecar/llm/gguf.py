"""Converts a GGUF file to a model folder for vLLM: `python -m sidecar.llm.gguf FOLDER FILE OUT`.

The weights are dequantized to float32: vLLM has no GGUF kernel for CPUs.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def convert(folder: Path, file: str, out: Path) -> None:
    """Read `folder`/`file`; write weights (safetensors), configuration and tokenizer to `out`."""
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=file,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),  # quantized weights can't be saved
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
