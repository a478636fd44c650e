"""Ingredient lines as people write them, parsed and matched to a catalog."""

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from deployments.http.schemas.common import Envelope, SuccessResponse, answer
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.artifact_recording import record_response
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from deployments.serving.clients import SearchClient
from jobs.queue.job import JobResult
from sidecar.ingredients.catalog import Catalog, CatalogMatch
from sidecar.ingredients.lines import IngredientLine, parse_lines
from sidecar.ingredients.schemas import (
    MODEL_ID,
    MODEL_VERSION,
    IngredientParseRequest,
    ParsedIngredients,
    parse_response,
    redact_catalog,
)

router = APIRouter(
    prefix="/api/v1/ingredients",
    tags=["recipes"],
    responses=ERROR_RESPONSES,
    route_class=JsonRoute,
)

INGREDIENT_PARSING = "ingredient_parsing"


@router.post("/parse", summary="Parse ingredient lines", responses=answer(ParsedIngredients))
async def parse_ingredients(
    request: Request, body: Envelope[IngredientParseRequest], services: ServicesDep
) -> SuccessResponse[Any]:
    """Return the amount, unit, food and notes of each line, in the order of the lines."""

    async def run(tenant_id: str) -> JobResult:
        payload = body.payload
        lines = await asyncio.to_thread(parse_lines, payload.lines, payload.language)
        foods = [(food.ingredient_id, food.name) for food in payload.catalog]
        catalog = await asyncio.to_thread(Catalog, foods)
        matches = await _match(services.embedder, catalog, lines)
        return JobResult(
            output=await asyncio.to_thread(parse_response, payload, lines, matches),
            model_id=MODEL_ID,
            model_version=MODEL_VERSION,
        )

    return await record_response(
        services, request, body, INGREDIENT_PARSING, run, redact=redact_catalog
    )


async def _match(
    embedder: SearchClient, catalog: Catalog, lines: Sequence[IngredientLine]
) -> list[CatalogMatch | None]:
    """Match by words; what has no match so, by meaning."""
    if not catalog.foods:
        return [None] * len(lines)
    names = dict.fromkeys(line.name for line in lines if line.name)
    matches = await asyncio.to_thread(lambda: {name: catalog.match_words(name) for name in names})
    unmatched = [name for name, match in matches.items() if match is None]
    if unmatched:
        foods = [name for _, name in catalog.foods]
        vectors = await embedder.embed_for_matching([*foods, *unmatched])
        found = await asyncio.to_thread(
            catalog.match_meanings, vectors[: len(foods)], vectors[len(foods) :]
        )
        matches |= dict(zip(unmatched, found, strict=True))
    return [matches.get(line.name) for line in lines]
