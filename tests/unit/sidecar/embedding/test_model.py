"""Both runtimes return sentence-transformers' vectors, whatever the batch."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.batching import length_batches
from sidecar.embedding.model import (
    ENGLISH,
    MULTILINGUAL,
    EmbeddingModel,
    centered,
    load,
    packaged_folder,
)
from sidecar.embedding.model_files import device_of
from sidecar.embedding.onnx_model import OnnxEmbedder
from sidecar.embedding.torch_model import TorchEmbedder

TEXTS = ["milk", "whole milk", "", "🥛 " * 400, "חלב", "a recipe of flour, eggs and sugar. " * 5]


@pytest.fixture(scope="module", params=["onnx", "torch"])
def model(request: pytest.FixtureRequest, english_embedder: EmbeddingModel) -> EmbeddingModel:
    if request.param == "onnx":
        assert isinstance(english_embedder, OnnxEmbedder)
        return english_embedder
    return TorchEmbedder(ENGLISH, english_embedder.version, packaged_folder(), "cpu", 2)


@pytest.fixture(scope="module")
def reference() -> SentenceTransformer:
    return SentenceTransformer(str(packaged_folder()), device="cpu")


def test_vectors_equal_those_of_sentence_transformers(
    model: EmbeddingModel, reference: SentenceTransformer
) -> None:
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    cosines = (model.embed(TEXTS) * expected).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_vectors_are_unit_float32_in_the_texts_order(model: EmbeddingModel) -> None:
    vectors = model.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), model.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(model.embed([text])[0], vector, atol=1e-4)


def test_tokens_are_counted_up_to_the_models_limit(model: EmbeddingModel) -> None:
    assert model.count_tokens(["milk"]) == 3, "with the two that enclose a text"
    assert model.count_tokens(["milk", "milk bread"]) == 3 + 4
    assert model.count_tokens(["milk " * 5_000]) <= 512


def test_calls_may_overlap(model: EmbeddingModel) -> None:
    with ThreadPoolExecutor(3) as threads:
        long = threads.submit(model.embed, TEXTS)
        short = [threads.submit(model.embed, [text]) for text in ("milk", "bread", "eggs")]
        count = threads.submit(model.count_tokens, TEXTS)
    for text, future in (*zip(("milk", "bread", "eggs"), short, strict=True), (TEXTS[0], long)):
        np.testing.assert_allclose(future.result()[0], model.embed([text])[0], atol=1e-4)
    assert count.result() == model.count_tokens(TEXTS)


def test_no_texts_give_no_vectors(model: EmbeddingModel) -> None:
    assert model.embed([]).shape == (0, 384)


def test_a_model_has_a_name_and_a_version_of_its_weights(english_embedder: EmbeddingModel) -> None:
    assert english_embedder.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(english_embedder.version) == 12


def test_a_folder_without_a_model_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such architecture"}))
    with pytest.raises(ModelUnavailable):
        load(str(tmp_path), "cpu", 2, [tmp_path / "cache"])


def test_another_model_is_exported_once_and_then_reused(
    tmp_path: Path, reference: SentenceTransformer
) -> None:
    """The model has another architecture: no token types, and pooling of the first token."""
    from tests.unit.sidecar.embedding.small_model import small_roberta

    source = small_roberta(tmp_path / "model")
    expected = SentenceTransformer(str(source), device="cpu").encode(
        TEXTS, normalize_embeddings=True
    )
    (tmp_path / "file").touch()
    exported = load(str(source), "cpu", 1, [tmp_path / "file", tmp_path / "cache"])
    assert isinstance(exported, OnnxEmbedder)
    assert (exported.embed(TEXTS) * expected).sum(axis=1).min() >= 0.9999
    [graph] = (tmp_path / "cache").rglob("model.onnx")
    modified = graph.stat().st_mtime_ns
    reused = load(str(source), "cpu", 1, [tmp_path / "cache"])
    assert isinstance(reused, OnnxEmbedder)
    assert graph.stat().st_mtime_ns == modified


def test_without_a_folder_for_its_graph_a_model_runs_in_torch(
    english_embedder: EmbeddingModel,
) -> None:
    model = load(ENGLISH, "cpu", 2, [])
    assert isinstance(model, TorchEmbedder)
    assert (model.version, model.dimension) == (english_embedder.version, 384)


def test_without_a_folder_for_its_graph_the_packed_model_is_unavailable() -> None:
    with pytest.raises(ModelUnavailable):
        load(MULTILINGUAL, "cpu", 2, [])


def test_centered_vectors_are_unit_vectors_and_none_without_a_center() -> None:
    vectors = np.array([[0.6, 0.8], [1.0, 0.0]], dtype=np.float32)
    assert centered(vectors, None) is vectors
    moved = centered(vectors, np.array([0.5, 0.5], dtype=np.float32))
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert float(moved[0] @ moved[1]) < 0
    assert np.isfinite(centered(vectors, vectors[0])).all()


def test_without_a_gpu_the_device_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_of("auto") == "cpu"
    assert device_of("cuda") == "cuda"


@given(st.lists(st.integers(min_value=1, max_value=600), max_size=60))
def test_batches_contain_every_text_once_within_their_budget(lengths: list[int]) -> None:
    batches = list(length_batches(lengths, 512))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 512
