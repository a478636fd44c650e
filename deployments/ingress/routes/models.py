"""OpenAI's list of models: the engine's, where it runs, and the embedding model."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import JSONResponse

from deployments.ingress.json import JsonRoute
from deployments.ingress.services import Services, ServicesDep
from sidecar.core.errors import ModelUnavailable, NotFound
from sidecar.llm.response_types import ModelCard, ModelList

router = APIRouter(prefix="/v1", tags=["chat"], route_class=JsonRoute)


@router.get(
    "/models",
    summary="List the models, as OpenAI does",
    responses={200: {"model": ModelList}},
    response_class=JSONResponse,
)
async def models(services: ServicesDep) -> JSONResponse:
    """List the models that answer now: for chat and for embeddings."""
    return JSONResponse({"object": "list", "data": await _available(services)})


@router.get(
    "/models/{model_id:path}",
    summary="Get a model, as OpenAI does",
    responses={200: {"model": ModelCard}},
    response_class=JSONResponse,
)
async def get_model(
    model_id: Annotated[str, Path(max_length=500)], services: ServicesDep
) -> JSONResponse:
    """Return the model of that id."""
    available = {model["id"]: model for model in await _available(services)}
    if model_id not in available:
        raise NotFound(f"There is no model {model_id!r}; there are {', '.join(available)}.")
    return JSONResponse(available[model_id])


async def _available(services: Services) -> Sequence[Mapping[str, Any]]:
    """Return the engine's models and the embedder's; what is down is left out.

    Raises:
        ModelUnavailable: when both are down; the engine's reason.
    """
    found: list[Mapping[str, Any]] = []
    reasons: list[ModelUnavailable] = []
    try:
        found += (await services.engine.models())["data"]
    except ModelUnavailable as error:
        reasons.append(error)
    try:
        info = await services.embedder.info()
    except ModelUnavailable as error:
        reasons.append(error)
    else:
        created = int(services.clock().timestamp())
        found.append(
            {"id": info.model, "object": "model", "created": created, "owned_by": "grocery-sidecar"}
        )
    if not found:
        raise reasons[0]
    return found
