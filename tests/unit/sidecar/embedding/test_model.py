"""The embedder gives sentence-transformers' vectors, whatever runs it and whatever the batch."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.batching import length_batches
from sidecar.embedding.model import EmbeddingModel, load, packaged_folder
from sidecar.embedding.model_files import device_of
from sidecar.embedding.onnx_model import OnnxEmbedder
from sidecar.embedding.torch_model import TorchEmbedder

TEXTS = ["milk", "whole milk", "", "🥛 " * 400, "חלב", "a recipe of flour, eggs and sugar. " * 5]


@pytest.fixture(scope="module", params=["onnx", "torch"])
def either(request: pytest.FixtureRequest, embedder: EmbeddingModel) -> EmbeddingModel:
    if request.param == "onnx":
        assert isinstance(embedder, OnnxEmbedder)
        return embedder
    return TorchEmbedder(embedder.name, embedder.version, packaged_folder(), "cpu", 2)


@pytest.fixture(scope="module")
def reference() -> SentenceTransformer:
    return SentenceTransformer(str(packaged_folder()), device="cpu")


def test_vectors_are_those_of_sentence_transformers(
    either: EmbeddingModel, reference: SentenceTransformer
) -> None:
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    cosines = (either.embed(TEXTS) * expected).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_vectors_are_float32_of_unit_length_in_the_texts_order(either: EmbeddingModel) -> None:
    vectors = either.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), either.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(either.embed([text])[0], vector, atol=1e-4)


def test_no_texts_have_no_vectors(either: EmbeddingModel) -> None:
    assert either.embed([]).shape == (0, 384)


def test_the_version_tells_the_weights_and_the_name_the_model(embedder: EmbeddingModel) -> None:
    assert embedder.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(embedder.version) == 12


def test_a_folder_that_is_no_model_is_reported_as_unavailable(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such architecture"}))
    with pytest.raises(ModelUnavailable):
        load(str(tmp_path), "cpu", 2, [tmp_path / "cache"])


def test_another_model_is_exported_once_and_then_found(
    tmp_path: Path, reference: SentenceTransformer
) -> None:
    """Of another architecture: no token types, and its sentence is its first token."""
    from tests.unit.sidecar.embedding.small_model import small_roberta

    source = small_roberta(tmp_path / "model")
    expected = SentenceTransformer(str(source), device="cpu").encode(
        TEXTS, normalize_embeddings=True
    )
    (tmp_path / "file").touch()
    made = load(str(source), "cpu", 1, [tmp_path / "file", tmp_path / "cache"])
    assert isinstance(made, OnnxEmbedder)
    assert (made.embed(TEXTS) * expected).sum(axis=1).min() >= 0.9999
    [graph] = (tmp_path / "cache").rglob("model.onnx")
    written = graph.stat().st_mtime_ns
    found = load(str(source), "cpu", 1, [tmp_path / "cache"])
    assert isinstance(found, OnnxEmbedder)
    assert graph.stat().st_mtime_ns == written


def test_without_a_place_for_its_graph_a_model_runs_in_torch(embedder: EmbeddingModel) -> None:
    model = load(None, "cpu", 2, [])
    assert isinstance(model, TorchEmbedder)
    assert (model.version, model.dimension) == (embedder.version, embedder.dimension)


def test_without_a_gpu_the_device_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_of("auto") == "cpu"
    assert device_of("cuda") == "cuda"


@given(st.lists(st.integers(min_value=1, max_value=600), max_size=60))
def test_batches_hold_every_text_once_within_their_budget(lengths: list[int]) -> None:
    batches = list(length_batches(lengths, 512))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 512
