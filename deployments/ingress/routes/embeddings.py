"""Text embeddings.

Vectors belong to no tenant, so these endpoints need none and record no artifact.
"""

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_request_id
from sidecar.core.validation import Id
from sidecar.embedding.batching import embed_chunked
from sidecar.embedding.schemas import EmbedBatchRequest, EmbedRequest, build_response

router = APIRouter(
    prefix="/api/v1/embed", tags=["texts"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

_CHUNK_TEXTS = 64


class Embedding(BaseModel):
    """The vector of one text."""

    id: Id
    vector: list[float]


class Embeddings(BaseModel):
    """The response, for the OpenAPI document only; orjson serializes the vectors."""

    version: str | None
    request_id: str
    model: str
    model_version: str
    dimension: int
    embeddings: list[Embedding]


_RESPONSES: dict[int | str, dict[str, Any]] = {200: {"model": Embeddings}}


@router.post("", summary="Embed texts", response_class=Response, responses=_RESPONSES)
async def embed(request: Request, body: EmbedRequest, services: ServicesDep) -> Response:
    """Return the unit vectors of up to 1 000 texts."""
    return await _embed(services, request, body, _CHUNK_TEXTS)


@router.post(
    "/batch",
    summary="Embed thousands of texts",
    response_class=Response,
    responses=_RESPONSES,
)
async def embed_batch(request: Request, body: EmbedBatchRequest, services: ServicesDep) -> Response:
    """Return the unit vectors of up to 10 000 texts."""
    return await _embed(services, request, body, body.batch_size)


async def _embed(
    services: Services, request: Request, body: EmbedRequest, chunk_texts: int
) -> Response:
    request_id = resolve_request_id(request, body.request_id)
    texts = [text.text for text in body.texts]
    vectors, info = await asyncio.gather(
        embed_chunked(texts, services.embedder.embed, chunk_texts), services.embedder.info()
    )
    content = build_response(body, vectors, info.model, info.version)
    for embedding in content["embeddings"]:
        embedding["id"] = _serializable(embedding["id"])
    return Response(
        orjson.dumps({**content, "request_id": request_id}, option=orjson.OPT_SERIALIZE_NUMPY),
        media_type="application/json",
    )


def _serializable(caller_id: str | int) -> str | int | orjson.Fragment:
    """Return the id for orjson, which refuses integers of more than 64 bits."""
    if isinstance(caller_id, int) and not -(2**63) <= caller_id < 2**64:
        return orjson.Fragment(str(caller_id))
    return caller_id
