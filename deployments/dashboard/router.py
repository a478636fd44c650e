"""The operator's pages: every tenant's jobs, artifacts and feedback, and buttons to act on them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse, StreamingResponse

from deployments.dashboard.activity import WINDOWS
from deployments.dashboard.receipt_view import receipt_view
from deployments.dashboard.responses import HtmlRoute, html_events, html_response
from deployments.dashboard.services import DashboardDep, DashboardServices
from deployments.http.json_lines import json_lines
from deployments.http.schemas.artifacts import ArtifactResponse
from deployments.http.schemas.feedback import FeedbackRequest, FeedbackResponse
from deployments.http.schemas.jobs import JobResponse
from jobs.queue.admin_queries import AdminFilter
from jobs.queue.job import FINAL, JobStatus
from jobs.storage.feedback import Rating
from sidecar.core.errors import BadRequest, NotFound, ValidationFailed
from sidecar.core.validation import describe_errors

router = APIRouter(prefix="/dashboard", include_in_schema=False, route_class=HtmlRoute)

#: Seconds that one live connection lasts; less than a request may take (serve_config.yaml).
_LIVE_S = 45.0
#: Seconds between two updates of a live page.
_OVERVIEW_PERIOD_S = 2.0
_JOB_PERIOD_S = 0.3
_PAGE = 50

Id = Annotated[str, Path(max_length=200)]
EnumT = TypeVar("EnumT", bound=StrEnum)


@router.get("")
async def overview(services: DashboardDep, window: Literal["hour", "day"] = "hour") -> Response:
    """Show the state of the service and its last hour or day."""
    return html_response(
        services.templates.render(
            "overview.html",
            live=await _overview_part(services, window),
            window=window,
            windows=WINDOWS,
            here="overview",
        )
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


@router.get("/jobs")
async def list_jobs(request: Request, services: DashboardDep) -> Response:
    """List the jobs of all tenants."""
    filter_ = _admin_filter(request)
    jobs = await services.queries.jobs(filter_, before=_page_start(request), limit=_PAGE + 1)
    return html_response(
        services.templates.render(
            "jobs.html",
            jobs=jobs[:_PAGE],
            features=sorted(services.job_types),
            states=list(JobStatus),
            here="jobs",
            **_listing(request, services, jobs),
        )
    )


@router.get("/jobs/{job_id}")
async def show_job(job_id: Id, services: DashboardDep) -> Response:
    """Show one job with its attempts, its image and its result."""
    values = await _job_values(services, job_id)
    feedback = await services.queries.feedback_of_job(job_id)
    return html_response(
        services.templates.render("job.html", **values, feedback=feedback, here="jobs")
    )


@router.get("/jobs/{job_id}/watch")
async def watch_job(job_id: Id, services: DashboardDep) -> Response:
    """Show the part of a job's page that the page of trials embeds."""
    return html_response(
        services.templates.render("job_watch.html", **await _job_values(services, job_id))
    )


@router.get("/jobs/{job_id}/live")
async def job_live(job_id: Id, services: DashboardDep) -> Response:
    """Stream a job's live part until the job has ended."""
    await services.queries.job(job_id)  # raises NotFound: an error page instead of a stream

    async def updates() -> AsyncIterator[str | None]:
        seen: object = None
        while True:
            job = await services.queries.job(job_id)
            if job == seen:
                yield None
            else:
                values = await _job_values(services, job_id)
                yield services.templates.render("job_live.html", **values)
            if job.status in FINAL:
                return
            seen = job

    return html_events(updates(), pause_s=_JOB_PERIOD_S, seconds=_LIVE_S)


@router.get("/jobs/{job_id}/image")
async def job_image(job_id: Id, services: DashboardDep) -> Response:
    """Return the image that a job was given."""
    job = await services.queries.job(job_id)
    if "image" not in job.input_payload:
        raise NotFound("The job has no image.")
    blob, data = await services.blobs.get(job.tenant_id, job.input_payload["image"]["sha256"])
    headers = {
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "private, max-age=3600",
    }
    return Response(data, media_type=blob.media_type, headers=headers)


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


@router.post("/jobs/{job_id}/feedback")
async def give_feedback(request: Request, job_id: Id, services: DashboardDep) -> Response:
    """Store feedback on a job's result."""
    job = await services.queries.job(job_id)
    form = await _form(request)
    try:
        body = FeedbackRequest.model_validate(
            {"rating": form.get("rating"), "note": form.get("note") or None, "job_id": job_id}
        )
    except ValidationError as error:
        raise ValidationFailed(describe_errors(error.errors())) from error
    await services.feedback_recorder.record(job.tenant_id, body)
    return _redirect_to_job(job_id, "#feedback")


@router.get("/try")
async def try_it(services: DashboardDep) -> Response:
    """Show forms to try a receipt, names and a plan."""
    checks = await services.overview.checks() or {}
    up = {name for name, check in checks.items() if check.status == "ok"}
    return html_response(services.templates.render("try.html", up=up, here="try"))


@router.get("/artifacts")
async def list_artifacts(request: Request, services: DashboardDep) -> Response:
    """List the artifacts of all tenants."""
    filter_ = _admin_filter(request)
    artifacts = await services.queries.artifacts(
        filter_, before=_page_start(request), limit=_PAGE + 1
    )
    return html_response(
        services.templates.render(
            "artifacts.html",
            artifacts=artifacts[:_PAGE],
            export=f"/dashboard/artifacts.jsonl?{request.url.query}",
            here="artifacts",
            **_listing(request, services, artifacts),
        )
    )


@router.get("/artifacts.jsonl")
async def export_artifacts(request: Request, services: DashboardDep) -> StreamingResponse:
    """Export the artifacts that match."""
    rows = services.queries.export_artifacts(_admin_filter(request))
    return json_lines("artifacts", (ArtifactResponse.of(row) async for row in rows))


@router.get("/artifacts/{artifact_id}")
async def show_artifact(artifact_id: Id, services: DashboardDep) -> Response:
    """Show one artifact."""
    artifact = await services.queries.artifact(artifact_id)
    return html_response(
        services.templates.render(
            "artifact.html",
            artifact=artifact,
            body=ArtifactResponse.of(artifact).model_dump(mode="json"),
            here="artifacts",
        )
    )


@router.get("/feedback")
async def list_feedback(request: Request, services: DashboardDep) -> Response:
    """List the feedback of all tenants."""
    filter_ = _admin_filter(request)
    feedback = await services.queries.feedback(
        filter_, before=_page_start(request), limit=_PAGE + 1
    )
    return html_response(
        services.templates.render(
            "feedback.html",
            feedback=feedback[:_PAGE],
            export=f"/dashboard/feedback.jsonl?{request.url.query}",
            here="feedback",
            **_listing(request, services, feedback),
        )
    )


@router.get("/feedback.jsonl")
async def export_feedback(request: Request, services: DashboardDep) -> StreamingResponse:
    """Export the feedback that matches."""
    rows = services.queries.export_feedback(_admin_filter(request))
    return json_lines("feedback", (FeedbackResponse.of(row) async for row in rows))


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
    return services.templates.render("overview_live.html", it=overview)


async def _job_values(services: DashboardServices, job_id: str) -> dict[str, Any]:
    job = await services.queries.job(job_id)
    attempts = await services.queue.attempts(job_id)
    ended = job.status in FINAL
    artifact = await services.queries.artifact_of_job(job_id) if ended else None
    output = artifact.output_payload if artifact else None
    return {
        "job": job,
        "attempts": attempts,
        "receipt": receipt_view(job.input_payload, output),
        "body": JobResponse.of(job, output, attempts).model_dump(mode="json"),
        "now": services.clock(),
        "ended": ended,
    }


def _listing(
    request: Request, services: DashboardServices, rows: Sequence[Any]
) -> Mapping[str, Any]:
    """Return what every list shows beside its rows; `rows` has one more than a page, if any."""
    older = _page_url(request, before=rows[_PAGE - 1].id) if len(rows) > _PAGE else None
    return {
        "older": older,
        "newest": _page_url(request, before=None) if _page_start(request) else None,
        "sent": request.query_params,
        "now": services.clock(),
    }


def _admin_filter(request: Request) -> AdminFilter:
    """The filter in the query; an empty field leaves its column open. Raises BadRequest."""
    sent = {name: value for name, value in request.query_params.items() if value}
    outcome = sent.get("outcome")
    return AdminFilter(
        tenant_id=sent.get("tenant"),
        feature=sent.get("feature"),
        status=_parse_enum(JobStatus, sent.get("state")),
        success=None if outcome is None else outcome == "success",
        rating=_parse_enum(Rating, sent.get("rating")),
        since=_parse_time(sent.get("since")),
        until=_parse_time(sent.get("until")),
    )


def _parse_enum(enum: type[EnumT], value: str | None) -> EnumT | None:
    if value is None:
        return None
    try:
        return enum(value)
    except ValueError as error:
        raise BadRequest(f"Choose one of {', '.join(enum)}.") from error


def _parse_time(value: str | None) -> datetime | None:
    """A form's date and time, which is UTC here."""
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequest("A time looks like 2026-01-10T12:00.") from error


def _page_start(request: Request) -> str | None:
    """The id that the page of a list begins below; None on its first page."""
    return request.query_params.get("before") or None


def _page_url(request: Request, before: str | None) -> str:
    """This page's own URL with another place in the list."""
    sent = {name: value for name, value in request.query_params.items() if value}
    sent.pop("before", None)
    if before is not None:
        sent["before"] = before
    return f"{request.url.path}?{urlencode(sent)}"


def _redirect_to_job(job_id: str, part: str = "") -> Response:
    return RedirectResponse(f"/dashboard/jobs/{job_id}{part}", 303)


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of an HTML form. Raises BadRequest."""
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=20)
    except ValueError as error:
        raise BadRequest("The form can't be read.") from error
    return {name: values[0] for name, values in fields.items()}
