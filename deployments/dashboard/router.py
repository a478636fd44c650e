"""The operator's pages: the overview, a job, artifacts and feedback, and actions on them."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse, StreamingResponse

from deployments.dashboard.activity import WINDOWS
from deployments.dashboard.lists import PAGE, admin_filter, form, list_page, page, page_start
from deployments.dashboard.plan_view import plan_view
from deployments.dashboard.receipt_view import receipt_view
from deployments.dashboard.responses import HtmlRoute, html_events
from deployments.dashboard.services import DashboardDep, DashboardServices
from deployments.http.json_lines import json_lines
from deployments.http.schemas.artifacts import ArtifactResponse
from deployments.http.schemas.feedback import FeedbackRequest, FeedbackResponse
from deployments.http.schemas.jobs import JobResponse
from deployments.http.schemas.webhooks import WebhookResponse
from jobs.queue.job import FINAL, JobStatus
from sidecar.core.errors import NotFound, ValidationFailed, by_code
from sidecar.core.validation_errors import describe_errors

router = APIRouter(prefix="/dashboard", include_in_schema=False, route_class=HtmlRoute)
root_router = APIRouter(include_in_schema=False)

#: Duration of one live connection; below the request timeout (serve_config.yaml).
_LIVE_S = 45.0
#: Seconds between two updates of a live page.
_OVERVIEW_PERIOD_S = 2.0
_JOB_PERIOD_S = 0.3

#: Media types that every browser displays.
_DISPLAYABLE = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"})
_IMAGE_HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, max-age=3600",
}

Id = Annotated[str, Path(max_length=200)]


@root_router.get("/")
async def root(request: Request) -> Response:
    """Lead a browser to the dashboard."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/dashboard", 307)
    raise NotFound("The API is below /api/v1 and /v1, its documentation at /docs.")


@router.get("")
async def overview(services: DashboardDep, window: Literal["hour", "day"] = "hour") -> Response:
    """Show the state of the service and its last hour or day."""
    live = await _overview_part(services, window)
    return page(
        services, "overview.html", live=live, window=window, windows=WINDOWS, here="overview"
    )


@router.get("/live")
async def overview_live(
    services: DashboardDep, window: Literal["hour", "day"] = "hour"
) -> Response:
    """Stream the overview's live part."""

    async def updates() -> AsyncIterator[str]:
        while True:
            yield await _overview_part(services, window)

    return html_events(updates(), pause_s=_OVERVIEW_PERIOD_S, seconds=_LIVE_S)


@router.post("/queues/{feature}/{action}")
async def pause_or_resume(
    feature: Id, action: Literal["pause", "resume"], services: DashboardDep
) -> Response:
    """Pause or resume a feature's queue."""
    if feature not in services.job_types:
        raise NotFound("There is no such queue.")
    if action == "pause":
        await services.queue.pause(feature, None)
    else:
        await services.queue.resume(feature)
    return RedirectResponse("/dashboard#queues", 303)


@router.get("/jobs/{job_id}")
async def show_job(job_id: Id, services: DashboardDep) -> Response:
    """Show one job with its attempts, its image and its result."""
    values = await _job_values(services, job_id)
    feedback = await services.queries.feedback_of_job(job_id)
    return page(services, "job.html", **values, feedback=feedback, here="jobs")


@router.get("/jobs/{job_id}/watch")
async def watch_job(job_id: Id, services: DashboardDep) -> Response:
    """Return the part of a job's page that the try page embeds."""
    return page(services, "job_watch.html", **await _job_values(services, job_id))


@router.get("/jobs/{job_id}/live")
async def job_live(job_id: Id, services: DashboardDep) -> Response:
    """Stream a job's live part until the job has ended."""
    await services.queries.job(job_id)  # raises NotFound before the stream begins

    async def updates() -> AsyncIterator[str | None]:
        last_job: object = None
        while True:
            job = await services.queries.job(job_id)
            if job == last_job:
                yield None
            else:
                values = await _job_values(services, job_id)
                yield services.templates.render("job_live.html", **values)
            if job.status in FINAL:
                return
            last_job = job

    return html_events(updates(), pause_s=_JOB_PERIOD_S, seconds=_LIVE_S)


@router.get("/jobs/{job_id}/image")
async def job_image(job_id: Id, services: DashboardDep) -> Response:
    """Return a job's input image."""
    job = await services.queries.job(job_id)
    if "image" not in job.input_payload:
        raise NotFound("The job has no image.")
    blob, data = await services.blobs.get(job.tenant_id, job.input_payload["image"]["sha256"])
    return Response(data, media_type=blob.media_type, headers=_IMAGE_HEADERS)


@router.get("/jobs/{job_id}/pages/{number}")
async def job_page(
    job_id: Id, number: Annotated[int, Path(ge=1, le=1000)], services: DashboardDep
) -> Response:
    """Return a page of a job's image as browsers display it; `number` counts from 1."""
    job = await services.queries.job(job_id)
    if "image" not in job.input_payload:
        raise NotFound("The job has no image.")
    blob, data = await services.blobs.get(job.tenant_id, job.input_payload["image"]["sha256"])
    if number > 1 or blob.media_type not in _DISPLAYABLE:
        data = await services.page_images.render(data, number - 1)
        return Response(data, media_type="image/jpeg", headers=_IMAGE_HEADERS)
    return Response(data, media_type=blob.media_type, headers=_IMAGE_HEADERS)


@router.post("/jobs/{job_id}/cancel")
async def cancel(job_id: Id, services: DashboardDep) -> Response:
    """Cancel a job."""
    job = await services.queries.job(job_id)
    await services.queue.cancel(job.tenant_id, job_id)
    return _redirect_to_job(job_id)


@router.post("/jobs/{job_id}/retry")
async def retry(job_id: Id, services: DashboardDep) -> Response:
    """Queue a failed or cancelled job again."""
    job = await services.queries.job(job_id)
    extra_attempts = services.job_types[job.feature].max_attempts
    await services.queue.retry(job.tenant_id, job_id, extra_attempts=extra_attempts)
    return _redirect_to_job(job_id)


@router.post("/jobs/{job_id}/webhook/resend")
async def resend_webhook(job_id: Id, services: DashboardDep) -> Response:
    """Call a finished job's callback_url again."""
    job = await services.queries.job(job_id)
    await services.webhooks.resend(job.tenant_id, job_id)
    return _redirect_to_job(job_id, "#webhook")


@router.post("/jobs/{job_id}/feedback")
async def give_feedback(request: Request, job_id: Id, services: DashboardDep) -> Response:
    """Store feedback on a job's result."""
    job = await services.queries.job(job_id)
    fields = await form(request)
    try:
        body = FeedbackRequest.model_validate(
            {"rating": fields.get("rating"), "note": fields.get("note") or None, "job_id": job_id}
        )
    except ValidationError as error:
        raise ValidationFailed(describe_errors(error.errors())) from error
    await services.feedback_recorder.record(job.tenant_id, body)
    return _redirect_to_job(job_id, "#feedback")


@router.get("/try")
async def try_it(services: DashboardDep) -> Response:
    """Show forms that try out receipts, categories, plans and chat."""
    checks = await services.overview.checks() or {}
    ready = {name for name, check in checks.items() if check.status == "ok"}
    return page(services, "try.html", ready=ready, here="try")


@router.get("/artifacts")
async def list_artifacts(request: Request, services: DashboardDep) -> Response:
    """List the artifacts of all tenants."""
    artifacts = await services.queries.artifacts(
        admin_filter(request, "tenant", "feature", "outcome"),
        before=page_start(request),
        limit=PAGE + 1,
    )
    return list_page("artifacts", request, services, artifacts)


@router.get("/artifacts.jsonl")
async def export_artifacts(request: Request, services: DashboardDep) -> StreamingResponse:
    """Export the matching artifacts."""
    rows = services.queries.export_artifacts(admin_filter(request, "tenant", "feature", "outcome"))
    return await json_lines("artifacts", (ArtifactResponse.of(row) async for row in rows))


@router.get("/artifacts/{artifact_id}")
async def show_artifact(artifact_id: Id, services: DashboardDep) -> Response:
    """Show one artifact."""
    artifact = await services.queries.artifact(artifact_id)
    body = ArtifactResponse.of(artifact).model_dump(mode="json")
    return page(services, "artifact.html", artifact=artifact, body=body, here="artifacts")


@router.get("/feedback")
async def list_feedback(request: Request, services: DashboardDep) -> Response:
    """List the feedback of all tenants."""
    feedback = await services.queries.feedback(
        admin_filter(request, "tenant", "rating"), before=page_start(request), limit=PAGE + 1
    )
    return list_page("feedback", request, services, feedback)


@router.get("/feedback.jsonl")
async def export_feedback(request: Request, services: DashboardDep) -> StreamingResponse:
    """Export the matching feedback."""
    rows = services.queries.export_feedback(admin_filter(request, "tenant", "rating"))
    return await json_lines("feedback", (FeedbackResponse.of(row) async for row in rows))


@router.get("/static/{name}")
async def static(name: str, services: DashboardDep) -> Response:
    """Return a static file; its URL changes with its content."""
    asset = services.templates.assets.get(name)
    if asset is None:
        raise NotFound("There is no such file.")
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
    }
    return Response(asset.data, media_type=asset.media_type, headers=headers)


async def _overview_part(services: DashboardServices, window: str) -> str:
    overview = await services.overview.overview(WINDOWS[window])
    return services.templates.render("overview_live.html", overview=overview)


async def _job_values(services: DashboardServices, job_id: str) -> dict[str, Any]:
    job = await services.queries.job(job_id)
    attempts = await services.queue.attempts(job_id)
    ended = job.status in FINAL
    artifact = await services.queries.artifact_of_job(job_id) if ended else None
    output = artifact.output_payload if artifact else None
    webhook = WebhookResponse.of(job, await services.webhooks.latest(job_id))
    return {
        "job": job,
        "attempts": attempts,
        "receipt": receipt_view(job, output),
        "plan": plan_view(output),
        "can_retry": job.status is JobStatus.CANCELLED
        or (job.status is JobStatus.FAILED and by_code(job.error_code or "internal").retryable),
        "body": JobResponse.of(job, output, attempts, webhook).model_dump(mode="json"),
        "webhook": webhook,
        "paused": job.feature in await services.queue.pauses(),
        "now": services.clock(),
        "ended": ended,
    }


def _redirect_to_job(job_id: str, fragment: str = "") -> Response:
    return RedirectResponse(f"/dashboard/jobs/{job_id}{fragment}", 303)
