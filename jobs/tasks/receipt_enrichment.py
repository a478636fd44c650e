"""What other deployments add to a receipt after OCR.

In order: a second read by a vision-language model, what the tenant corrected on earlier receipts,
its own catalog corrections, semantic catalog matches, categories, and the default currency. A model
that is down costs its addition, not the receipt: a warning in the result says so.
"""

import asyncio
import base64
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from jobs.tasks.model_clients import ModelClients
from sidecar.classification.corrections import correction_key
from sidecar.classification.schemas import DEFAULT_LABELS
from sidecar.core.errors import ModelUnavailable, Overloaded, ServiceError
from sidecar.embedding.batching import embed_chunked
from sidecar.llm.completions import complete, json_schema_format
from sidecar.llm.schemas import ChatRequest
from sidecar.receipts.catalog.matching import Catalog, nearest
from sidecar.receipts.corrections.applying import (
    Keys,
    Known,
    lookup,
    shop_lookup,
    with_lessons,
    with_shop,
)
from sidecar.receipts.corrections.kinds import CorrectionKind
from sidecar.receipts.models import Extraction, Match, is_in_unknown_script, with_warning
from sidecar.receipts.money_forms import with_default_currency
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.vlm import (
    SCHEMA,
    VlmReceipt,
    extraction_of,
    merge_readings,
    needs_second_read,
    question,
)
from sidecar.text.product_names import expand

log = logging.getLogger(__name__)

#: Names of a catalog, synonyms included, that are embedded for one receipt.
MAX_CATALOG_NAMES = 1_000
_CHUNK_TEXTS = 100  # of one call to the embedder, so that others get in between
_CUT_OFF = "The vision model's answer was cut off."
_NO_VLM = "The vision model was not available; this is what OCR read."


async def enrich_receipt(models: ModelClients, context: JobContext, result: JobResult) -> JobResult:
    """Return the result of receipt_extraction with everything the models add.

    Raises:
        ModelUnavailable: when the request demands the vision model and it is down.
        DatabaseUnavailable: when the tenant's corrections can't be read.
    """
    options = ReceiptOptions.model_validate(context.payload["options"])
    result = await reread_with_vlm(options, result, models, tenant_id=context.tenant_id)
    result = await apply_corrections(context.tenant_id, options, result, models)
    result = await apply_catalog_corrections(context.tenant_id, options, result, models)
    result = await add_semantic_matches(options, result, models)
    result = await add_categories(context.tenant_id, options, result, models)
    default = context.settings.receipt.default_currency or None
    output = with_default_currency(result.output, default)
    threshold = context.settings.receipt.review_threshold
    return replace(
        result,
        output=output,
        needs_review=needs_review(output, threshold),
        merchant=output["merchant"],
        confidence=output["overall_confidence"],
    )


def needs_review(flat: Mapping[str, Any], threshold: float) -> bool:
    """Whether a person should look at a reading: something is unsure, missing or doesn't add up."""
    return (
        needs_second_read(flat, threshold)
        or bool(flat["checks"]["warnings"])
        or any(line["confidence"] < threshold for line in flat["line_items"])
    )


async def reread_with_vlm(
    options: ReceiptOptions,
    result: JobResult,
    models: ModelClients,
    *,
    tenant_id: str | None = None,
) -> JobResult:
    """Merge the OCR reading with what the vision-language model reads on `result.pages`.

    Without pages, or when the engine is down, the OCR reading stands.

    Raises:
        ServiceError: when the engine is down and `options.engine` is "vision".
    """
    ocr = result.output
    if not result.pages:
        return replace(result, output=_with_ocr_sources(ocr))
    prompt = models.vision.transcription_prompt
    try:
        if prompt is None:
            receipt, model = await _ask_vlm(result.pages, ocr["raw_ocr_text"], models, tenant_id)
            extraction = extraction_of(receipt, options, pages=ocr["pages"])
        else:
            texts, model = await _transcribe(result.pages, prompt, models, tenant_id)
            extraction = await asyncio.to_thread(_parsed, texts, options, ocr["pages"])
    except ServiceError as error:
        if options.engine == "vision":
            raise
        log.warning("receipt read without the vision model", extra={"code": error.code})
        return replace(result, output=_with_ocr_sources(with_warning(ocr, _NO_VLM)))
    prefers_vision = options.engine == "vision" or is_in_unknown_script(ocr)
    merged = merge_readings(ocr, extraction.flat(), prefer="vision" if prefers_vision else "ocr")
    return replace(result, output=merged, model_id=f"{result.model_id}, {model}")


async def apply_corrections(
    tenant_id: str, options: ReceiptOptions, result: JobResult, models: ModelClients
) -> JobResult:
    """Change what the tenant corrected on earlier receipts: shop, dates, currency, and lines.

    `corrections` of the output says what was changed. A line with another name is matched to the
    catalog anew.
    """
    if await models.feedback.version(tenant_id) is None:
        return result
    read = result.output
    output = with_shop(read, await _known(tenant_id, shop_lookup(read), models))
    output = with_lessons(output, await _known(tenant_id, lookup(output), models))
    applied = output.get("corrections", ())
    if not applied:
        return result
    await models.corrections.count_receipt(tenant_id, {entry["id"] for entry in applied})
    renamed = {entry["line"] for entry in applied if entry["kind"] == CorrectionKind.NAME}
    if options.catalog and renamed:
        catalog = Catalog(options.catalog, expand)
        lines = await asyncio.to_thread(_rematched, output["line_items"], renamed, catalog)
        output = {**output, "line_items": lines}
    return replace(result, output=output)


async def _known(tenant_id: str, keys: Keys, models: ModelClients) -> Known:
    found = await models.corrections.lookup(tenant_id, keys)
    return {at: (correction.id, correction.value) for at, correction in found.items()}


def _rematched(
    lines: Sequence[Mapping[str, Any]], renamed: Collection[int], catalog: Catalog
) -> Sequence[Mapping[str, Any]]:
    matched = []
    for index, line in enumerate(lines):
        if index in renamed:
            match = catalog.match(line["parsed_name"])
            line = {name: value for name, value in line.items() if name != "match"}
            line |= {"match": match.model_dump()} if match else {}
        matched.append(line)
    return matched


async def apply_catalog_corrections(
    tenant_id: str, options: ReceiptOptions, result: JobResult, models: ModelClients
) -> JobResult:
    """Match lines as the tenant corrected them before, ahead of any likeness.

    The corrected name counts as a synonym of the product, with confidence 1. A correction to a
    product that is not in the request's catalog is ignored.
    """
    items = result.output["line_items"]
    if not options.catalog or not items:
        return result
    keys = [[correction_key(item[form]) for form in ("raw_text", "parsed_name")] for item in items]
    corrected = await models.corrections.lookup(
        tenant_id, {CorrectionKind.CATALOG: {key for forms in keys for key in forms}}
    )
    catalog_ids = {item.id for item in options.catalog}
    by_key = {
        key: correction.value
        for (_, key), correction in corrected.items()
        if correction.value in catalog_ids
    }
    matched = []
    for item, forms in zip(items, keys, strict=True):
        catalog_id = next((by_key[key] for key in forms if key in by_key), None)
        if catalog_id is None:
            matched.append(item)
        else:
            match = Match(id=catalog_id, confidence=1.0, strategy="synonym")
            matched.append({**item, "match": match.model_dump()})
    return replace(result, output={**result.output, "line_items": matched})


async def add_semantic_matches(
    options: ReceiptOptions, result: JobResult, models: ModelClients
) -> JobResult:
    """Match the remaining lines by meaning ("minced beef" is "ground beef").

    The embedder is called only when a line has no match yet. If it is down, or the catalog has
    more than MAX_CATALOG_NAMES names, a warning takes the place of these matches.
    """
    items = result.output["line_items"]
    unmatched = [
        row for row, item in enumerate(items) if not item.get("match") and _expanded_name(item)
    ]
    if not options.catalog or not unmatched:
        return result
    names = [(item.id, name) for item in options.catalog for name in (item.name, *item.synonyms)]
    if len(names) > MAX_CATALOG_NAMES:
        return _without_semantic_matches(
            result, f"more than {MAX_CATALOG_NAMES} names are in the catalog."
        )
    try:
        line_vectors, catalog_vectors = [
            await embed_chunked(texts, models.embedder.embed_for_matching, _CHUNK_TEXTS)
            for texts in (
                [_expanded_name(items[row]) for row in unmatched],
                [expand(name) or name for _, name in names],
            )
        ]
    except (ModelUnavailable, Overloaded):
        return _without_semantic_matches(result, "the embedder did not answer.")
    candidates = nearest(line_vectors, catalog_vectors, [item_id for item_id, _ in names])
    matches = {row: match for row, match in zip(unmatched, candidates, strict=True) if match}
    matched = [
        {**item, "match": matches[row].model_dump()} if row in matches else item
        for row, item in enumerate(items)
    ]
    return replace(result, output={**result.output, "line_items": matched})


async def add_categories(
    tenant_id: str, options: ReceiptOptions, result: JobResult, models: ModelClients
) -> JobResult:
    """Add a category to each line item, when the request asks for them."""
    items = result.output["line_items"]
    if not options.categorize or not items:
        return result
    names = [item["parsed_name"] or item["raw_text"] for item in items]
    try:
        categorized = await models.categorizer.categorize(
            tenant_id,
            names,
            options.candidate_labels or DEFAULT_LABELS,
            result.output.get("language"),
        )
    except (ModelUnavailable, Overloaded):
        warning = "The line items have no categories: the classifier did not answer."
        return replace(result, output=with_warning(result.output, warning))
    categories = [
        {
            "category": prediction.best[0],
            "category_confidence": prediction.best[1],
            "category_source": prediction.source,
        }
        for prediction in categorized.predictions
    ]
    both_forms = {
        form: [
            {**item, **category}
            for item, category in zip(result.output[form], categories, strict=True)
        ]
        for form in ("items", "line_items")
    }
    return replace(result, output={**result.output, **both_forms})


def _with_ocr_sources(ocr: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**ocr, "sources": dict.fromkeys((*ocr["fields"], "line_items"), "ocr")}


async def _ask_vlm(
    pages: tuple[bytes, ...], recognized: str, models: ModelClients, tenant_id: str | None
) -> tuple[VlmReceipt, str]:
    """Return the model's reading of the JPEG pages and of the recognized text, and its name."""
    request = _chat_request(
        {"type": "text", "text": question(recognized)},
        *map(_image, pages),
        response_format=json_schema_format("receipt", SCHEMA),
    )
    response = await complete(models.vision.engine, request, tenant_id=tenant_id)
    try:
        text = response["choices"][0]["message"]["content"]
        return VlmReceipt.model_validate_json(text or ""), response["model"]
    except ValidationError as error:  # cut off by the limit of tokens
        raise ModelUnavailable(_CUT_OFF) from error


async def _transcribe(
    pages: tuple[bytes, ...], prompt: str, models: ModelClients, tenant_id: str | None
) -> tuple[list[str], str]:
    """Return the text of each JPEG page, as the model writes it, and the model's name."""
    texts = []
    for page in pages:
        request = _chat_request(_image(page), {"type": "text", "text": prompt})
        response = await complete(models.vision.engine, request, tenant_id=tenant_id)
        choice = response["choices"][0]
        if choice["finish_reason"] != "stop":  # such models repeat themselves when they are lost
            raise ModelUnavailable(_CUT_OFF)
        texts.append(choice["message"]["content"] or "")
    return texts, response["model"]


def _parsed(texts: Sequence[str], options: ReceiptOptions, pages: int) -> Extraction:
    # Imported here: only receipts that are transcribed load the parser's model into this process.
    from sidecar.receipts.transcription import extraction_of_transcription

    return extraction_of_transcription(texts, options, pages)


def _image(page: bytes) -> dict[str, Any]:
    url = f"data:image/jpeg;base64,{base64.b64encode(page).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _chat_request(*parts: Mapping[str, Any], **fields: Any) -> ChatRequest:
    messages = [{"role": "user", "content": parts}]
    return ChatRequest.model_validate({"messages": messages, "temperature": 0, **fields})


def _expanded_name(item: Mapping[str, Any]) -> str:
    name: str = item["parsed_name"]
    return expand(name)


def _without_semantic_matches(result: JobResult, reason: str) -> JobResult:
    warning = f"Line items were not matched by meaning: {reason}"
    return replace(result, output=with_warning(result.output, warning))
