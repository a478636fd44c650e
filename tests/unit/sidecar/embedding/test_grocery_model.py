"""The default model's vectors tell kinds of products apart in all languages."""

import numpy as np
import pytest

from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.model import GROCERY, EmbeddingModel, load


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return load(GROCERY, "cpu", 2, [INSTALL_DIR])


def test_a_foreign_name_is_nearest_to_its_english_name(model: EmbeddingModel) -> None:
    english = ["milk", "apples", "flour", "beer", "soap", "salmon", "bread", "cat food"]
    pairs = {
        "Vollmilch": "milk",
        "manzanas": "apples",
        "farine": "flour",
        "piwo": "beer",
        "мыло": "soap",
        "鮭": "salmon",
        "ekmek": "bread",
        "kissanruoka": "cat food",
    }
    prompt = model.prompts.default
    vectors = model.embed([prompt + name for name in english])
    for foreign, name in pairs.items():
        [vector] = model.embed([prompt + foreign])
        assert english[int((vectors @ vector).argmax())] == name


def test_vectors_are_unit_float32_whatever_the_prompt(model: EmbeddingModel) -> None:
    texts = ["", "milk", "query: milk", "passage: Milk soup. With bread.", "🥛", "a\nb"]
    vectors = model.embed(texts)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(texts), model.dimension))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert model.embed([]).shape == (0, model.dimension)


def test_the_version_is_of_both_models(model: EmbeddingModel, embedder: EmbeddingModel) -> None:
    assert model.version.startswith(f"{embedder.version}-")
    assert model.name == "grocery-e5-small"
    assert model.count_tokens(["milk"]) == embedder.count_tokens(["milk"])
