"""The operator's pages: every tenant's work, and buttons to act on it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Path, Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse, StreamingResponse

from deployments.dashboard.activity import WINDOWS
from deployments.dashboard.overview import Observer
from deployments.dashboard.receipt_view import receipt_view
from deployments.dashboard.responses import events, page, page_route
from deployments.dashboard.templates import Pages
from deployments.ingress.jsonl import jsonl
from deployments.ingress.routes.feedback import FeedbackBody, FeedbackRequest, record
from deployments.ingress.routes.health import Check, checks_of
from deployments.ingress.services import Parts
from deployments.ingress.wire import ArtifactBody, JobBody, validation_message
from jobs.queue.admin_queries import Choice
from jobs.queue.job import FINAL, JobStatus
from jobs.storage.feedback import Rating
from sidecar.core.errors import BadRequest, Invalid, NotFound

#: Seconds that one live connection lasts; less than a request may take (serve_config.yaml).
_LIVE_S = 45.0
#: Seconds between two looks for a live page.
_OVERVIEW_S = 2.0
_JOB_S = 0.3
_PAGE = 50

Id = Annotated[str, Path(max_length=200)]
Kind = TypeVar("Kind", bound=StrEnum)


def dashboard_router(parts: Parts) -> APIRouter:
    """Everything below /dashboard."""
    pages = Pages()
    router = APIRouter(prefix="/dashboard", include_in_schema=False, route_class=page_route(pages))
    observer: Observer[Mapping[str, Check]] = Observer(
        board=parts.board,
        recently_ended=parts.recently_ended,
        features=tuple(parts.features),
        checks=lambda: checks_of(parts),
        cluster=parts.cluster,
        data_dir=parts.settings.data_dir,
        pruned_every=timedelta(seconds=parts.settings.retention_every_s),
        clock=parts.clock,
    )

    async def overview_part(window: str) -> str:
        return pages.render("overview_live.html", it=await observer.overview(WINDOWS[window]))

    @router.get("")
    async def overview(window: Literal["hour", "day"] = "hour") -> Response:
        live = await overview_part(window)
        return page(
            pages.render(
                "overview.html", live=live, window=window, windows=WINDOWS, here="overview"
            )
        )

    @router.get("/live")
    async def overview_live(window: Literal["hour", "day"] = "hour") -> Response:
        async def changes() -> AsyncIterator[str]:
            while True:
                yield await overview_part(window)

        return events(changes(), pause_s=_OVERVIEW_S, seconds=_LIVE_S)

    def listing(request: Request, found: Sequence[Any]) -> Mapping[str, Any]:
        """What every list shows beside its rows; `found` has one more than the page if there is."""
        older = _with(request, before=found[_PAGE - 1].id) if len(found) > _PAGE else None
        return {
            "older": older,
            "newest": _with(request, before=None) if _before(request) else None,
            "sent": request.query_params,
            "now": parts.clock(),
        }

    @router.get("/jobs")
    async def list_jobs(request: Request) -> Response:
        choice = _choice(request)
        found = await parts.board.jobs(choice, before=_before(request), limit=_PAGE + 1)
        return page(
            pages.render(
                "jobs.html",
                jobs=found[:_PAGE],
                features=sorted(parts.features),
                states=list(JobStatus),
                here="jobs",
                **listing(request, found),
            )
        )

    async def job_values(job_id: str) -> dict[str, Any]:
        job = await parts.board.job(job_id)
        attempts = await parts.queue.attempts(job_id)
        artifact = await parts.board.artifact_of_job(job_id) if job.status in FINAL else None
        output = artifact.output_payload if artifact else None
        return {
            "job": job,
            "attempts": attempts,
            "receipt": receipt_view(job.input_payload, output),
            "body": JobBody.of(job, output, attempts).model_dump(mode="json"),
            "now": parts.clock(),
            "ended": job.status in FINAL,
        }

    async def job_part(job_id: str) -> str:
        return pages.render("job_live.html", **await job_values(job_id))

    @router.get("/jobs/{job_id}")
    async def show_job(job_id: Id) -> Response:
        values = await job_values(job_id)
        said = await parts.board.feedback_on(job_id)
        return page(pages.render("job.html", **values, feedback=said, here="jobs"))

    @router.get("/jobs/{job_id}/watch")
    async def watch_job(job_id: Id) -> Response:
        return page(pages.render("job_watch.html", **await job_values(job_id)))

    @router.get("/jobs/{job_id}/live")
    async def job_live(job_id: Id) -> Response:
        await parts.board.job(job_id)  # there, or an error page instead of a stream

        async def changes() -> AsyncIterator[str | None]:
            seen: object = None
            while True:
                now = await parts.board.job(job_id)
                yield None if now == seen else await job_part(job_id)
                if now.status in FINAL:
                    return
                seen = now

        return events(changes(), pause_s=_JOB_S, seconds=_LIVE_S)

    @router.get("/jobs/{job_id}/image")
    async def job_image(job_id: Id) -> Response:
        job = await parts.board.job(job_id)
        if "image" not in job.input_payload:
            raise NotFound("The job has no image.")
        blob, data = await parts.blobs.get(job.tenant_id, job.input_payload["image"]["sha256"])
        headers = {
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "private, max-age=3600",
        }
        return Response(data, media_type=blob.media_type, headers=headers)

    @router.post("/jobs/{job_id}/cancel")
    async def cancel(job_id: Id) -> Response:
        job = await parts.board.job(job_id)
        await parts.queue.cancel(job.tenant_id, job_id)
        return _back_to(job_id)

    @router.post("/jobs/{job_id}/retry")
    async def retry(job_id: Id) -> Response:
        job = await parts.board.job(job_id)
        more = parts.features[job.feature].max_attempts
        await parts.queue.retry(job.tenant_id, job_id, attempts_more=more)
        return _back_to(job_id)

    @router.post("/jobs/{job_id}/feedback")
    async def give_feedback(request: Request, job_id: Id) -> Response:
        job = await parts.board.job(job_id)
        sent = await _form(request)
        try:
            body = FeedbackRequest.model_validate(
                {"rating": sent.get("rating"), "note": sent.get("note") or None, "job_id": job_id}
            )
        except ValidationError as error:
            raise Invalid(validation_message(error.errors())) from error
        await record(parts, job.tenant_id, body)
        return _back_to(job_id, "#feedback")

    @router.get("/try")
    async def try_it() -> Response:
        checks = await observer.checks() or {}
        up = {name for name, check in checks.items() if check.status == "ok"}
        return page(pages.render("try.html", up=up, here="try"))

    @router.get("/artifacts")
    async def list_artifacts(request: Request) -> Response:
        choice = _choice(request)
        found = await parts.board.artifacts(choice, before=_before(request), limit=_PAGE + 1)
        return page(
            pages.render(
                "artifacts.html",
                artifacts=found[:_PAGE],
                export=f"/dashboard/artifacts.jsonl?{request.url.query}",
                here="artifacts",
                **listing(request, found),
            )
        )

    @router.get("/artifacts.jsonl")
    async def export_artifacts(request: Request) -> StreamingResponse:
        found = parts.board.all_artifacts(_choice(request))
        return jsonl("artifacts", (ArtifactBody.of(one) async for one in found))

    @router.get("/artifacts/{artifact_id}")
    async def show_artifact(artifact_id: Id) -> Response:
        artifact = await parts.board.artifact(artifact_id)
        return page(
            pages.render(
                "artifact.html",
                artifact=artifact,
                body=ArtifactBody.of(artifact).model_dump(mode="json"),
                here="artifacts",
            )
        )

    @router.get("/feedback")
    async def list_feedback(request: Request) -> Response:
        choice = _choice(request)
        found = await parts.board.feedback(choice, before=_before(request), limit=_PAGE + 1)
        return page(
            pages.render(
                "feedback.html",
                feedback=found[:_PAGE],
                export=f"/dashboard/feedback.jsonl?{request.url.query}",
                here="feedback",
                **listing(request, found),
            )
        )

    @router.get("/feedback.jsonl")
    async def export_feedback(request: Request) -> StreamingResponse:
        found = parts.board.all_feedback(_choice(request))
        return jsonl("feedback", (FeedbackBody.of(one) async for one in found))

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        asset = pages.assets.get(name)
        if asset is None:
            raise NotFound("There is no such file.")
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
        }
        return Response(asset.data, media_type=asset.media_type, headers=headers)

    return router


def _choice(request: Request) -> Choice:
    """The filter in the query; an empty field leaves its column open. Raises BadRequest."""
    sent = {name: value for name, value in request.query_params.items() if value}
    outcome = sent.get("outcome")
    return Choice(
        tenant_id=sent.get("tenant"),
        feature=sent.get("feature"),
        status=_one_of(JobStatus, sent.get("state")),
        success=None if outcome is None else outcome == "success",
        rating=_one_of(Rating, sent.get("rating")),
        since=_moment(sent.get("since")),
        until=_moment(sent.get("until")),
    )


def _one_of(kind: type[Kind], value: str | None) -> Kind | None:
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError as error:
        raise BadRequest(f"Choose one of {', '.join(kind)}.") from error


def _moment(value: str | None) -> datetime | None:
    """A form's date and time, which is UTC here."""
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError as error:
        raise BadRequest("A time looks like 2026-01-10T12:00.") from error


def _before(request: Request) -> str | None:
    """The id that the page of a list begins below; None on its first page."""
    return request.query_params.get("before") or None


def _with(request: Request, before: str | None) -> str:
    """This page's own URL with another place in the list."""
    sent = {name: value for name, value in request.query_params.items() if value}
    sent.pop("before", None)
    if before is not None:
        sent["before"] = before
    return f"{request.url.path}?{urlencode(sent)}"


def _back_to(job_id: str, part: str = "") -> Response:
    return RedirectResponse(f"/dashboard/jobs/{job_id}{part}", 303)


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of an HTML form. Raises BadRequest."""
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=20)
    except ValueError as error:
        raise BadRequest("The form can't be read.") from error
    return {name: values[0] for name, values in fields.items()}
