"""Texts into vectors."""

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, request_id_of
from sidecar.core.validation import Id
from sidecar.embedding.batching import embed_in_chunks
from sidecar.embedding.schemas import EmbedBatchRequest, EmbedRequest, answer

_TEXTS_A_CALL = 64


class Embedding(BaseModel):
    """The vector of one text."""

    id: Id
    vector: list[float]


class Embeddings(BaseModel):
    """What is answered; for the documentation alone, as the vectors are written by orjson."""

    version: str | None
    request_id: str
    model: str
    model_version: str
    dimension: int
    embeddings: list[Embedding]


_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": Embeddings}}


def embeddings_router(parts: Parts) -> APIRouter:
    """POST /api/v1/embed and POST /api/v1/embed/batch.

    A vector is nobody's: these need no tenant and leave no artifact.
    """
    router = APIRouter(
        prefix="/api/v1/embed", tags=["texts"], responses=ERRORS, route_class=JsonRoute
    )

    @router.post("", summary="Unit vectors of texts", response_class=Response, responses=_ANSWERS)
    async def embed(request: Request, body: EmbedRequest) -> Response:
        return await _embedded(parts, request, body, _TEXTS_A_CALL)

    @router.post(
        "/batch",
        summary="The same for thousands of texts",
        response_class=Response,
        responses=_ANSWERS,
    )
    async def embed_batch(request: Request, body: EmbedBatchRequest) -> Response:
        return await _embedded(parts, request, body, body.batch_size)

    return router


async def _embedded(parts: Parts, request: Request, body: EmbedRequest, size: int) -> Response:
    request_id = request_id_of(request, body.request_id)
    vectors, described = await asyncio.gather(
        embed_in_chunks([text.text for text in body.texts], parts.embed, size), parts.embedder()
    )
    content = answer(body, vectors, described.model, described.version)
    return Response(
        orjson.dumps({**content, "request_id": request_id}, option=orjson.OPT_SERIALIZE_NUMPY),
        media_type="application/json",
    )
