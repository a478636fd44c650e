"""Catalog matches by the meaning of names."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jobs.queue.job import JobResult
from jobs.storage.database import Database
from jobs.tasks.model_clients import ModelClients
from jobs.tasks.receipt_enrichment import MAX_CATALOG_NAMES, add_semantic_matches
from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.cache import Vectors
from sidecar.receipts.options import CatalogItem, ReceiptOptions
from tests.unit.jobs.served_models import models

MEANINGS = {"aubergine": 0, "eggplant": 0, "brinjal": 0, "milk": 1, "candles": 2}
OPTIONS = ReceiptOptions(
    catalog=(
        CatalogItem(id="p1", name="Eggplant", synonyms=("Brinjal",)),
        CatalogItem(id="p2", name="Milk"),
    )
)
MILK = {"id": "p2", "confidence": 1.0, "strategy": "exact"}


class Embedder:
    """Gives words of one meaning one vector, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += len(texts)
        return np.eye(3, dtype=np.float32)[[MEANINGS[text] for text in texts]]


def read(*lines: dict[str, Any]) -> JobResult:
    output = {"line_items": list(lines), "checks": {"warnings": ["smudged"]}}
    return JobResult(output=output, model_id="ocr", model_version="1")


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def served(database: Database, embedder: Embedder) -> ModelClients:
    return models(database, embedder=embedder)


async def test_a_line_gets_the_product_it_means_and_only_that(served: ModelClients) -> None:
    lines = {"parsed_name": "AUBERGINE"}, {"parsed_name": "CANDLES"}
    done = await add_semantic_matches(OPTIONS, read(*lines), served)
    aubergine, candles = done.output["line_items"]
    assert aubergine["match"] == {"id": "p1", "confidence": 1.0, "strategy": "semantic"}
    assert "match" not in candles
    assert done.output["checks"]["warnings"] == ["smudged"]


async def test_nobody_is_asked_when_every_line_is_matched_or_there_is_no_catalog(
    served: ModelClients, embedder: Embedder
) -> None:
    matched = read({"parsed_name": "Milk", "match": MILK})
    assert await add_semantic_matches(OPTIONS, matched, served) is matched
    unmatched = read({"parsed_name": "AUBERGINE"})
    assert await add_semantic_matches(ReceiptOptions(), unmatched, served) is unmatched
    assert embedder.asked == 0


async def test_without_an_embedder_the_receipt_stands_with_a_warning(served: ModelClients) -> None:
    class Away(Embedder):
        async def embed(self, texts: Sequence[str]) -> Vectors:
            raise ModelUnavailable

    outcome = read({"parsed_name": "AUBERGINE"})
    done = await add_semantic_matches(OPTIONS, outcome, replace(served, embedder=Away()))
    assert done.output["line_items"] == outcome.output["line_items"]
    assert len(done.output["checks"]["warnings"]) == 2


async def test_a_catalog_too_large_to_embed_is_not_and_a_warning_says_so(
    served: ModelClients, embedder: Embedder
) -> None:
    many = tuple(CatalogItem(id=str(n), name=f"Thing {n}") for n in range(MAX_CATALOG_NAMES + 1))
    done = await add_semantic_matches(
        ReceiptOptions(catalog=many), read({"parsed_name": "AUBERGINE"}), served
    )
    assert str(MAX_CATALOG_NAMES) in done.output["checks"]["warnings"][-1]
    assert embedder.asked == 0


async def test_what_could_be_two_products_is_none(served: ModelClients) -> None:
    twins = tuple(CatalogItem(id=name, name=name) for name in ("Eggplant", "Brinjal"))
    done = await add_semantic_matches(
        ReceiptOptions(catalog=twins), read({"parsed_name": "AUBERGINE"}), served
    )
    assert "match" not in done.output["line_items"][0]
