"""Artifacts: the record of what each request and job produced."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from deployments.ingress.images import MEDIA_TYPES
from deployments.ingress.json import JsonRoute
from deployments.ingress.jsonl import JSON_LINES, jsonl
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, ArtifactBody, ArtifactPage, tenant_of
from jobs.storage.artifacts import ArtifactFilter
from sidecar.core.errors import NotFound

ArtifactId = Annotated[str, Path(max_length=200)]


def artifacts_router(parts: Parts) -> APIRouter:
    """Everything below /api/v1/artifacts."""
    router = APIRouter(
        prefix="/api/v1/artifacts", tags=["artifacts"], responses=ERRORS, route_class=JsonRoute
    )

    @router.get(
        "",
        summary="List this tenant's artifacts, newest first; or export them, oldest first",
        response_model=ArtifactPage,
        responses={200: {"content": JSON_LINES}},
    )
    async def list_artifacts(
        request: Request,
        feature: Annotated[str | None, Query(max_length=50)] = None,
        status: Literal["success", "error"] | None = None,
        job_id: Annotated[str | None, Query(max_length=200)] = None,
        request_id: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        format: Annotated[Literal["json", "jsonl"], Query()] = "json",  # noqa: A002
    ) -> ArtifactPage | Response:
        tenant_id = tenant_of(request)
        wanted = ArtifactFilter(
            feature=feature,
            success=None if status is None else status == "success",
            job_id=job_id,
            request_id=request_id,
        )
        if format == "jsonl":
            found = parts.artifacts.export(tenant_id, wanted)
            return jsonl("artifacts", (ArtifactBody.of(one) async for one in found))
        artifacts, total = await parts.artifacts.list(tenant_id, wanted, limit=limit, offset=offset)
        return ArtifactPage(
            artifacts=[ArtifactBody.of(artifact) for artifact in artifacts],
            total=total,
            limit=limit,
            offset=offset,
        )

    @router.get("/{artifact_id}", summary="One artifact")
    async def get_artifact(request: Request, artifact_id: ArtifactId) -> ArtifactBody:
        return ArtifactBody.of(await parts.artifacts.get(tenant_of(request), artifact_id))

    @router.get(
        "/{artifact_id}/image",
        summary="The image that the work was done on",
        response_class=Response,
        responses={
            200: {
                "content": {
                    media_type: {"schema": {"type": "string", "format": "binary"}}
                    for media_type in MEDIA_TYPES
                },
                "description": "The file as it was sent.",
            }
        },
    )
    async def get_image(request: Request, artifact_id: ArtifactId) -> Response:
        tenant_id = tenant_of(request)
        artifact = await parts.artifacts.get(tenant_id, artifact_id)
        if "image" not in artifact.input_payload:
            raise NotFound("The artifact has no image.")
        blob, data = await parts.blobs.get(tenant_id, artifact.input_payload["image"]["sha256"])
        return Response(
            data, media_type=blob.media_type, headers={"x-content-type-options": "nosniff"}
        )

    return router
