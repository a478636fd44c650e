"""Queries about an occasion find the dishes that people mean by it."""

from pathlib import Path

import numpy as np
import pytest

from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.model import GROCERY, EmbeddingModel, load
from sidecar.search.occasions import occasions_of


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return load(GROCERY, "cpu", 2, [INSTALL_DIR])


@pytest.mark.parametrize(
    ("query", "best", "worse"),
    [
        ("something warm for a cold day", "Tomato soup", "Ice cream"),
        ("comfort food", "Macaroni and cheese", "Green salad"),
        ("etwas Warmes für einen kalten Tag", "Gulaschsuppe", "Eis am Stiel"),
    ],
)
async def test_an_occasion_ranks_as_a_person_would(
    model: EmbeddingModel, tmp_path: Path, query: str, best: str, worse: str
) -> None:
    occasions = await occasions_of(model, [tmp_path])
    [vector] = model.embed([model.prompts.query + query])
    first, second = model.embed([model.prompts.document + text for text in (best, worse)])
    moved = occasions.move(vector)
    assert float(moved @ first) > float(moved @ second)
    assert float(np.linalg.norm(moved)) == pytest.approx(1, abs=1e-5)


async def test_a_query_that_names_a_dish_stays_where_it_is(
    model: EmbeddingModel, tmp_path: Path
) -> None:
    occasions = await occasions_of(model, [tmp_path])
    [vector] = model.embed([model.prompts.query + "oat milk"])
    assert float(occasions.move(vector) @ vector) > 0.95
    again = await occasions_of(model, [tmp_path])
    np.testing.assert_allclose(again.move(vector), occasions.move(vector), atol=1e-6)
