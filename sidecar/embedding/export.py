"""Exports a sentence-transformers model to ONNX: `python -m sidecar.embedding.export FROM TO`.

Writes model.onnx (token ids to unit vectors, any batch and length), tokenizer.json and, last,
embedder.json to TO. Exits with a nonzero status when the model has no tokenizer file of its own,
torch can't export it, or the graph's vectors differ from the model's.
"""

import json
import logging
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.export import Dim

from sidecar.embedding.graph_files import GRAPH, publish, set_matrices_apart
from sidecar.embedding.onnx_model import OnnxEmbedder
from sidecar.embedding.torch_model import prompts_of

#: Required cosine between the graph's and the model's own vector of the same text.
MIN_COSINE: Final = 0.9999
_OPSET: Final = 20
_TEXTS: Final = ("", "milk", "whole milk 🥛", "1 cup of flour, sifted, and a pinch of salt " * 60)


class _UnitVectors(nn.Module):
    """The whole model as a function of tensors, for the exporter to trace."""

    def __init__(self, model: SentenceTransformer, inputs: list[str]) -> None:
        super().__init__()
        self._model = model
        self._inputs = inputs

    def forward(self, *tensors: Tensor) -> Tensor:
        features = dict(zip(self._inputs, tensors, strict=True))
        return nn.functional.normalize(self._model(features)["sentence_embedding"].float(), dim=1)


def export(source: Path, target: Path) -> None:
    """Write the graph, tokenizer and description of the model in `source` into `target`.

    Raises ValueError when the graph's vectors differ from the model's, and what torch raises.
    """
    # ONNX Runtime can fuse plain attention only.
    model = SentenceTransformer(
        str(source), device="cpu", model_kwargs={"attn_implementation": "eager"}
    ).eval()
    tokenizer = model.tokenizer
    inputs = list(tokenizer.model_input_names)
    description = {
        "dimension": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length,
        "prompts": asdict(prompts_of(model)),
        "inputs": inputs,
    }
    tokens = tokenizer(["one text", "and another one"], padding=True, return_tensors="pt")
    tensors = tuple(tokens[name] for name in inputs)
    batch, length = Dim("batch", min=1, max=2**16), Dim("length", min=2, max=model.max_seq_length)
    with TemporaryDirectory(dir=target) as folder, torch.inference_mode():
        built = Path(folder)
        program = torch.onnx.export(
            _UnitVectors(model, inputs),
            tensors,
            dynamo=True,
            dynamic_shapes=(tuple({0: batch, 1: length} for _ in tensors),),
            input_names=inputs,
            output_names=["unit_vectors"],
            opset_version=_OPSET,
            verbose=False,
        )
        assert program is not None
        program.save(built / GRAPH)
        set_matrices_apart(built)
        tokenizer.backend_tokenizer.save(str(built / "tokenizer.json"))
        (built / "embedder.json").write_text(json.dumps(description, indent=1))
        graph = OnnxEmbedder(str(source), "", built, threads=2)
        expected = model.encode(list(_TEXTS), normalize_embeddings=True, prompt="")
        cosine = float((graph.embed(_TEXTS) * expected).sum(axis=1).min())
        if not cosine >= MIN_COSINE:
            raise ValueError(f"the graph's vectors have a cosine of {cosine} to the model's")
        publish(built, target, "tokenizer.json", "embedder.json")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # about the exporter's internals
    logging.disable(logging.WARNING)
    export(Path(sys.argv[1]), Path(sys.argv[2]))
