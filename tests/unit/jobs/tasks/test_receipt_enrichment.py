import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, FeedbackStore
from jobs.tasks.model_clients import ModelClients, VisionModel
from jobs.tasks.receipt_enrichment import (
    MAX_CATALOG_NAMES,
    add_categories,
    add_semantic_matches,
    apply_catalog_corrections,
    apply_corrections,
    enrich_receipt,
    needs_review,
    reread_with_vlm,
)
from sidecar.classification.corrections import name_key
from sidecar.core.errors import ModelUnavailable
from sidecar.core.settings import Settings
from sidecar.embedding.cache import Vectors
from sidecar.receipts.corrections.kinds import CorrectionKind
from sidecar.receipts.corrections.learning import lessons_of_line
from sidecar.receipts.models import UNKNOWN_SCRIPT, with_warning
from sidecar.receipts.options import CatalogItem, ReceiptOptions
from tests.unit.conftest import Clock
from tests.unit.jobs.fake_models import model_clients
from tests.unit.jobs.storage.test_feedback import new_feedback
from tests.unit.sidecar.llm.echo_engine import EchoEngine
from tests.unit.sidecar.receipts.test_vlm import flat, vlm_response

# A second read by a vision-language model.

JPEG = b"\xff\xd8\xff"


def ocr_result(*pages: bytes, **fields: Any) -> JobResult:
    return JobResult(output=flat(**fields), model_id="ocr", model_version="1", pages=pages)


async def test_without_pages_the_vision_model_is_not_called(database: Database) -> None:
    engine = EchoEngine()
    models = model_clients(database, engine=engine)
    result = await reread_with_vlm(ReceiptOptions(), ocr_result(), models)
    assert set(result.output["sources"].values()) == {"ocr"}
    assert not engine.requests


async def test_the_vision_model_gets_the_pages_and_a_response_schema(database: Database) -> None:
    engine = EchoEngine(reply=json.dumps(vlm_response()))
    models = model_clients(database, engine=engine)
    misread = ocr_result(JPEG, JPEG, total="50.00")
    misread = replace(misread, output={**misread.output, "raw_ocr_text": "TOTAL 50.00"})
    result = await reread_with_vlm(ReceiptOptions(), misread, models)
    assert result.output["total"] == 5.0
    assert result.output["sources"]["total"] == "vision"
    assert result.output["sources"]["merchant"] == "ocr"
    assert result.model_id == "ocr, echo"
    [request] = engine.requests
    assert len(request.image_urls) == 2
    assert "TOTAL 50.00" in json.dumps(request.wire())
    assert request.wire()["response_format"]["json_schema"]["schema"]["required"]


@pytest.mark.parametrize(
    "engine",
    [EchoEngine(fails_with=ModelUnavailable()), EchoEngine(reply='{"merchant": "cut o')],
)
async def test_without_a_response_of_the_vision_model_the_ocr_reading_stands(
    database: Database, engine: EchoEngine
) -> None:
    models = model_clients(database, engine=engine)
    result = await reread_with_vlm(ReceiptOptions(), ocr_result(JPEG), models)
    assert result.output["total"] == 5.0
    assert set(result.output["sources"].values()) == {"ocr"}
    assert "not available" in result.output["checks"]["warnings"][-1]
    with pytest.raises(ModelUnavailable):
        await reread_with_vlm(ReceiptOptions(engine="vision"), ocr_result(JPEG), models)


# A model that transcribes, in an engine of its own.

TRANSCRIPT = "CORNER SHOP\n17/01/2026 18:42\nMilk   3.00\nBread   2.00\nTOTAL   5.00"


def transcriber(engine: EchoEngine) -> VisionModel:
    return VisionModel(engine, "OCR:")


async def test_a_transcription_of_each_page_is_parsed_and_merged(database: Database) -> None:
    chat, engine = EchoEngine(), EchoEngine(reply=TRANSCRIPT)
    models = model_clients(database, engine=chat, vision=transcriber(engine))
    misread = ocr_result(JPEG, total="50.00", merchant=None)
    result = await reread_with_vlm(ReceiptOptions(), misread, models, tenant_id="t1")
    assert (result.output["total"], result.output["merchant"]) == (5.0, "CORNER SHOP")
    assert result.output["sources"]["line_items"] == "vision"
    assert result.output["raw_ocr_text"].startswith("CORNER SHOP\n")
    assert not chat.requests
    [request] = engine.requests
    image, prompt = request.wire()["messages"][0]["content"]
    assert (image["type"], prompt["text"]) == ("image_url", "OCR:")
    assert "response_format" not in request.wire()
    assert engine.tenants == ["t1"]


async def test_a_transcriber_sees_one_page_at_a_time(database: Database) -> None:
    engine = EchoEngine(reply=TRANSCRIPT)
    models = model_clients(database, vision=transcriber(engine))
    await reread_with_vlm(ReceiptOptions(), ocr_result(JPEG, JPEG), models)
    assert [len(request.image_urls) for request in engine.requests] == [1, 1]


@pytest.mark.parametrize(
    "engine",
    [
        EchoEngine(fails_with=ModelUnavailable()),
        EchoEngine(reply="MILK MILK MILK MILK", finish_reason="length"),
    ],
)
async def test_without_a_whole_transcription_the_ocr_reading_stands(
    database: Database, engine: EchoEngine
) -> None:
    models = model_clients(database, vision=transcriber(engine))
    result = await reread_with_vlm(ReceiptOptions(), ocr_result(JPEG), models)
    assert set(result.output["sources"].values()) == {"ocr"}
    assert "not available" in result.output["checks"]["warnings"][-1]
    with pytest.raises(ModelUnavailable):
        await reread_with_vlm(ReceiptOptions(engine="vision"), ocr_result(JPEG), models)


async def test_a_page_without_text_takes_nothing_from_the_ocr_reading(database: Database) -> None:
    models = model_clients(database, vision=transcriber(EchoEngine(reply="")))
    result = await reread_with_vlm(ReceiptOptions(engine="vision"), ocr_result(JPEG), models)
    assert result.output["total"] == 5.0
    assert set(result.output["sources"].values()) == {"ocr"}


async def test_the_words_of_a_script_that_ocr_lacks_are_the_vision_models(
    database: Database,
) -> None:
    models = model_clients(database, vision=transcriber(EchoEngine(reply=TRANSCRIPT)))
    read = flat()
    shop = {"merchant": {"name": "C0PHEP W0N", "confidence": 0.999}}
    sure = replace(ocr_result(JPEG), output={**read, "fields": {**read["fields"], **shop}})
    unknown = replace(sure, output=with_warning(sure.output, UNKNOWN_SCRIPT))
    for ocr, merchant in ((sure, "C0PHEP W0N"), (unknown, "CORNER SHOP")):
        result = await reread_with_vlm(ReceiptOptions(), ocr, models)
        assert result.output["merchant"] == merchant
    assert result.output["checks"]["warnings"] == []


# Catalog corrections from the tenant's feedback.

CATALOG = [{"id": "p1", "name": "Milk"}, {"id": "p2", "name": "Oat drink"}]
LINE = {"raw_text": "OATLY BRST 1L 2.49 A", "parsed_name": "OATLY BRST 1L"}
FUZZY_MILK = {"id": "p1", "confidence": 0.9, "strategy": "fuzzy"}
OAT_DRINK = {"id": "p2", "confidence": 1.0, "strategy": "synonym"}


@pytest.fixture
async def corrected(database: Database, clock: Clock) -> Database:
    """Tenant t1 has corrected OATLY BRST, and BREAD to a product that no longer exists."""
    corrections = [
        Correction(kind=CorrectionKind.CATALOG, key=name_key(name), name=name, value=value)
        for name, value in (("OATLY BRST 1L", "p2"), ("BREAD", "gone"))
    ]
    await FeedbackStore(database).add(new_feedback(clock), corrections)
    return database


async def match_of(
    database: Database, line: Mapping[str, Any], *, tenant_id: str = "t1", catalog: object = CATALOG
) -> object:
    options = ReceiptOptions.model_validate({"catalog": catalog})
    result = JobResult(output={"line_items": [line]}, model_id="m", model_version="1")
    models = model_clients(database)
    matched = await apply_catalog_corrections(tenant_id, options, result, models)
    return matched.output["line_items"][0].get("match")


async def test_a_correction_takes_precedence_over_any_other_match(corrected: Database) -> None:
    assert await match_of(corrected, {**LINE, "match": FUZZY_MILK}) == OAT_DRINK
    assert await match_of(corrected, LINE) == OAT_DRINK


async def test_corrections_do_not_apply_to_other_tenants(corrected: Database) -> None:
    line = {**LINE, "match": FUZZY_MILK}
    assert await match_of(corrected, line, tenant_id="t2") == FUZZY_MILK


async def test_a_product_outside_the_catalog_is_no_match(corrected: Database) -> None:
    bread = {"raw_text": "BREAD 1.00", "parsed_name": "BREAD"}
    assert await match_of(corrected, bread) is None
    assert await match_of(corrected, LINE, catalog=CATALOG[:1]) is None
    assert await match_of(corrected, LINE, catalog=[]) is None


# Semantic matches.

MEANINGS = {"aubergine": 0, "eggplant": 0, "brinjal": 0, "milk": 1, "candles": 2}
OPTIONS = ReceiptOptions(
    catalog=(
        CatalogItem(id="p1", name="Eggplant", synonyms=("Brinjal",)),
        CatalogItem(id="p2", name="Milk"),
    )
)
MILK = {"id": "p2", "confidence": 1.0, "strategy": "exact"}


class Embedder:
    """Returns one vector for all words of one meaning, and counts the texts."""

    def __init__(self) -> None:
        self.texts = 0

    async def embed_for_matching(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        return np.eye(3, dtype=np.float32)[[MEANINGS[text] for text in texts]]


def receipt(*lines: dict[str, Any]) -> JobResult:
    output = {"line_items": list(lines), "checks": {"warnings": ["smudged"]}}
    return JobResult(output=output, model_id="ocr", model_version="1")


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def models(database: Database, embedder: Embedder) -> ModelClients:
    return model_clients(database, embedder=embedder)


async def test_a_line_matches_the_product_of_the_same_meaning(models: ModelClients) -> None:
    lines = {"parsed_name": "AUBERGINE"}, {"parsed_name": "CANDLES"}
    result = await add_semantic_matches(OPTIONS, receipt(*lines), models)
    aubergine, candles = result.output["line_items"]
    assert aubergine["match"] == {"id": "p1", "confidence": 1.0, "strategy": "semantic"}
    assert "match" not in candles
    assert result.output["checks"]["warnings"] == ["smudged"]


async def test_the_embedder_is_not_called_without_unmatched_lines_or_a_catalog(
    models: ModelClients, embedder: Embedder
) -> None:
    matched = receipt({"parsed_name": "Milk", "match": MILK})
    assert await add_semantic_matches(OPTIONS, matched, models) is matched
    unmatched = receipt({"parsed_name": "AUBERGINE"})
    assert await add_semantic_matches(ReceiptOptions(), unmatched, models) is unmatched
    assert embedder.texts == 0


async def test_without_an_embedder_the_lines_stay_unmatched_with_a_warning(
    models: ModelClients,
) -> None:
    class UnavailableEmbedder(Embedder):
        async def embed_for_matching(self, texts: Sequence[str]) -> Vectors:
            raise ModelUnavailable

    unmatched = receipt({"parsed_name": "AUBERGINE"})
    models = replace(models, embedder=UnavailableEmbedder())
    result = await add_semantic_matches(OPTIONS, unmatched, models)
    assert result.output["line_items"] == unmatched.output["line_items"]
    assert len(result.output["checks"]["warnings"]) == 2


async def test_a_catalog_over_the_limit_is_not_embedded_but_causes_a_warning(
    models: ModelClients, embedder: Embedder
) -> None:
    many = tuple(CatalogItem(id=str(n), name=f"Thing {n}") for n in range(MAX_CATALOG_NAMES + 1))
    result = await add_semantic_matches(
        ReceiptOptions(catalog=many), receipt({"parsed_name": "AUBERGINE"}), models
    )
    assert str(MAX_CATALOG_NAMES) in result.output["checks"]["warnings"][-1]
    assert embedder.texts == 0


async def test_a_line_that_could_be_two_products_stays_unmatched(models: ModelClients) -> None:
    twins = tuple(CatalogItem(id=name, name=name) for name in ("Eggplant", "Brinjal"))
    result = await add_semantic_matches(
        ReceiptOptions(catalog=twins), receipt({"parsed_name": "AUBERGINE"}), models
    )
    assert "match" not in result.output["line_items"][0]


# Categories.

CATEGORIZE = ReceiptOptions(categorize=True, candidate_labels=("Milk", "Bread"))


@pytest.fixture
def two_lines() -> JobResult:
    items = [{"raw_text": "MLK", "parsed_name": "milk"}, {"raw_text": "BRD", "parsed_name": ""}]
    output = {"items": items, "line_items": items, "checks": {"warnings": ["smudged"]}}
    return JobResult(output=output, model_id="ocr", model_version="1")


async def test_line_items_get_categories_when_they_are_requested(
    database: Database, two_lines: JobResult
) -> None:
    models = model_clients(database)
    result = await add_categories("t1", CATEGORIZE, two_lines, models)
    for form in ("items", "line_items"):
        assert [item["category"] for item in result.output[form]] == ["Milk", "Bread"]
    assert await add_categories("t1", ReceiptOptions(), two_lines, models) is two_lines


async def test_without_a_classifier_the_lines_have_no_category_but_a_warning(
    database: Database, two_lines: JobResult
) -> None:
    models = model_clients(database, classifier=False)
    result = await add_categories("t1", CATEGORIZE, two_lines, models)
    assert result.output["line_items"] == two_lines.output["line_items"]
    assert [word.split()[0] for word in result.output["checks"]["warnings"]] == ["smudged", "The"]


# The default currency.


@pytest.mark.parametrize(
    ("default", "currency", "source"), [("EUR", "EUR", "default"), ("", None, None)]
)
async def test_a_receipt_without_a_currency_gets_the_deployments(
    database: Database, default: str, currency: str | None, source: str | None
) -> None:
    settings = Settings.model_validate({"receipt": {"default_currency": default}})
    context = JobContext(tenant_id="t", payload={"options": {}}, image=None, settings=settings)
    unknown = ocr_result()
    unknown = replace(unknown, output={**unknown.output, "currency": None})
    output = (await enrich_receipt(model_clients(database), context, unknown)).output
    assert (output["currency"], output["currency_source"]) == (currency, source)


# Corrections of earlier receipts.


async def test_lines_are_renamed_matched_anew_and_counted(database: Database, clock: Clock) -> None:
    line = dict(LINE, quantity=1, unit=None, confidence=0.9, discount=None)
    price = {"amount": "2.49", "currency": None, "confidence": 0.9}
    line |= {"unit_price": price, "total_price": price, "match": FUZZY_MILK}
    read = {**flat(), "merchant": "Corner Shop", "line_items": [line]}
    lessons = lessons_of_line(read, line, {"name": "Oat drink", "quantity": 2}, "Corner Shop")
    await FeedbackStore(database).add(
        new_feedback(clock), [Correction(**vars(lesson)) for lesson in lessons]
    )
    options = ReceiptOptions.model_validate({"catalog": CATALOG})
    models = model_clients(database)
    result = JobResult(output=read, model_id="m", model_version="1")
    corrected = (await apply_corrections("t1", options, result, models)).output
    [found] = corrected["line_items"]
    assert (found["parsed_name"], found["quantity"]) == ("Oat drink", 2)
    assert found["unit_price"]["amount"] == "1.245"
    assert found["match"] == {"id": "p2", "confidence": 1.0, "strategy": "exact"}
    stored = [row async for row in models.corrections.iterate("t1")]
    assert {(row.kind, row.receipts) for row in stored} == {("name", 1), ("quantity", 1)}
    other = await apply_corrections("t2", options, result, models)
    assert other is result


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"overall_confidence": 0.5}, True),
        ({"checks": {"matches_total": False, "warnings": []}}, True),
        ({"checks": {"matches_total": True, "warnings": ["The image is blurred."]}}, True),
        ({"line_items": [{"confidence": 0.5}]}, True),
    ],
)
def test_a_reading_that_is_unsure_needs_a_review(
    changes: Mapping[str, Any], expected: bool
) -> None:
    sure = {
        "fields": {name: {"confidence": 0.9} for name in ("merchant", "date", "total")},
        "checks": {"matches_total": True, "warnings": []},
        "overall_confidence": 0.9,
        "line_items": [{"confidence": 0.9}],
    }
    assert needs_review({**sure, **changes}, 0.8) is expected
