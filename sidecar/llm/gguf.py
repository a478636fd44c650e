"""`python -m sidecar.llm.gguf FOLDER FILE OUT`: a GGUF file as a folder that vLLM loads.

The weights are unpacked to float32; vLLM has no kernel for GGUF on a CPU.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def convert(folder: Path, file: str, out: Path) -> None:
    """Reads FOLDER/FILE and writes weights (safetensors), configuration and tokenizer to `out`."""
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=file,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),  # else it can't be saved
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
