"""OpenAI's embeddings, over the Embedder; vectors belong to no tenant."""

import asyncio

import orjson
from fastapi import APIRouter, Response

from deployments.ingress.json import JsonRoute
from deployments.ingress.services import ServicesDep
from sidecar.core.errors import BadRequest, NotFound
from sidecar.embedding.batching import embed_chunked
from sidecar.embedding.openai_schemas import (
    OpenAIEmbeddings,
    OpenAIEmbedRequest,
    openai_embeddings,
)

router = APIRouter(prefix="/v1", tags=["texts"], route_class=JsonRoute)

_CHUNK_TEXTS = 64


@router.post(
    "/embeddings",
    summary="Embed texts, as OpenAI does",
    response_class=Response,
    responses={200: {"model": OpenAIEmbeddings}},
)
async def embeddings(body: OpenAIEmbedRequest, services: ServicesDep) -> Response:
    """Return the unit vector of each input."""
    info = await services.embedder.info()
    if body.model not in (None, info.model):
        raise NotFound(f"There is no embedding model {body.model!r}; this one is {info.model!r}.")
    if body.dimensions not in (None, info.dimension):
        raise BadRequest(
            f"dimensions: the vectors of {info.model} have {info.dimension}; "
            "another number is not available."
        )
    vectors, tokens = await asyncio.gather(
        embed_chunked(body.texts, services.embedder.embed, _CHUNK_TEXTS),
        services.embedder.count_tokens(body.texts),
    )
    content = openai_embeddings(body, vectors, info.model, tokens)
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )
