"""Artifacts: the audit record of each request's and job's result."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from deployments.http.json_lines import JSON_LINES_CONTENT, json_lines
from deployments.http.schemas.artifacts import ArtifactList, ArtifactResponse
from deployments.http.schemas.errors import ERROR_RESPONSES
from deployments.ingress.images import MEDIA_TYPES
from deployments.ingress.json import JsonRoute
from deployments.ingress.paging import PageDep
from deployments.ingress.receipt_money import with_callers_money
from deployments.ingress.services import ServicesDep
from deployments.ingress.stored_json import with_stored_json
from deployments.ingress.tenancy import resolve_tenant
from jobs.storage.artifacts import ArtifactFilter
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.errors import NotFound

router = APIRouter(
    prefix="/api/v1/artifacts", tags=["artifacts"], responses=ERROR_RESPONSES, route_class=JsonRoute
)

ArtifactId = Annotated[str, Path(max_length=200)]


@router.get(
    "",
    summary="List this tenant's artifacts, newest first; or export them, oldest first",
    response_model=ArtifactList,
    responses={200: {"content": JSON_LINES_CONTENT}},
)
async def list_artifacts(
    request: Request,
    services: ServicesDep,
    page: PageDep,
    feature: Annotated[str | None, Query(max_length=50)] = None,
    status: Literal["success", "error"] | None = None,
    job_id: Annotated[str | None, Query(max_length=200)] = None,
    request_id: Annotated[str | None, Query(max_length=200)] = None,
    format: Annotated[Literal["json", "jsonl"], Query()] = "json",  # noqa: A002
) -> ArtifactList | Response:
    """Return one page of matches, or all matches as JSON Lines."""
    tenant_id = resolve_tenant(request)
    filter_ = ArtifactFilter(
        feature=feature,
        success=None if status is None else status == "success",
        job_id=job_id,
        request_id=request_id,
    )
    if format == "jsonl":
        exported = services.artifacts.export(tenant_id, filter_)
        answers = (with_callers_money(row, services.settings) async for row in exported)
        lines = (ArtifactResponse.of(answer) async for answer in answers)
        return await json_lines("artifacts", lines)
    rows, total = await services.artifacts.list(
        tenant_id, filter_, limit=page.rows, offset=page.offset, before=page.cursor
    )
    artifacts, next_cursor = page.cut(rows)
    return ArtifactList(
        artifacts=[
            ArtifactResponse.of(with_callers_money(artifact, services.settings))
            for artifact in artifacts
        ],
        total=total,
        limit=page.limit,
        offset=page.offset,
        next_cursor=next_cursor,
    )


@router.get("/{artifact_id}", summary="Get an artifact", response_model=ArtifactResponse)
async def get_artifact(
    request: Request, artifact_id: ArtifactId, services: ServicesDep
) -> ArtifactResponse | Response:
    """Return the artifact with its input and output."""
    tenant_id = resolve_tenant(request)
    stored = await services.artifacts.stored(tenant_id, artifact_id)
    if stored.artifact.feature == RECEIPT_EXTRACTION:
        artifact = await services.artifacts.get(tenant_id, artifact_id)
        return ArtifactResponse.of(with_callers_money(artifact, services.settings))
    payloads = {"input_payload": stored.input_json, "output_payload": stored.output_json}
    return with_stored_json(ArtifactResponse.of(stored.artifact), payloads)


@router.get(
    "/{artifact_id}/image",
    summary="Get the image that was processed",
    response_class=Response,
    responses={
        200: {
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in MEDIA_TYPES
            },
            "description": "The original file.",
        }
    },
)
async def get_image(request: Request, artifact_id: ArtifactId, services: ServicesDep) -> Response:
    """Return the original file."""
    tenant_id = resolve_tenant(request)
    artifact = await services.artifacts.get(tenant_id, artifact_id)
    if "image" not in artifact.input_payload:
        raise NotFound("The artifact has no image.")
    blob, data = await services.blobs.get(tenant_id, artifact.input_payload["image"]["sha256"])
    return Response(data, media_type=blob.media_type, headers={"x-content-type-options": "nosniff"})
