"""Text embeddings.

Vectors belong to no tenant, so these endpoints need none and record no artifact.
"""

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from deployments.ingress.tenancy import resolve_request_id
from sidecar.embedding.batching import embed_chunked
from sidecar.embedding.cache import Vectors
from sidecar.embedding.schemas import (
    EmbedBatchRequest,
    Embeddings,
    EmbedRequest,
    build_response,
)

router = APIRouter(
    prefix="/api/v1/embed", tags=["texts"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

_CHUNK_TEXTS = 64
#: Vectors that are written as JSON at a time: some 5 ms.
_WRITTEN_TEXTS = 500


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
    content = await asyncio.to_thread(
        _serialize, body, request_id, vectors, info.model, info.version
    )
    return Response(content, media_type="application/json")


def _serialize(
    body: EmbedRequest, request_id: str, vectors: Vectors, model: str, version: str
) -> bytes:
    """Return the response in JSON, whose vectors are written some at a time: each holds the GIL."""
    content = build_response(body, vectors, model, version)
    embeddings = content.pop("embeddings")
    for embedding in embeddings:
        embedding["id"] = _serializable(embedding["id"])
    parts = [
        orjson.dumps(embeddings[start : start + _WRITTEN_TEXTS], option=orjson.OPT_SERIALIZE_NUMPY)
        for start in range(0, len(embeddings), _WRITTEN_TEXTS)
    ]
    head = orjson.dumps({**content, "request_id": request_id})
    return head[:-1] + b',"embeddings":[' + b",".join(part[1:-1] for part in parts) + b"]}"


def _serializable(caller_id: str | int) -> str | int | orjson.Fragment:
    """Return the id for orjson, which refuses integers of more than 64 bits."""
    if isinstance(caller_id, int) and not -(2**63) <= caller_id < 2**64:
        return orjson.Fragment(str(caller_id))
    return caller_id
