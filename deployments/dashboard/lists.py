"""Pages, lists cut into pages, their filters, and forms: what the dashboard's routes share."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlencode

from fastapi import Request
from starlette.responses import HTMLResponse

from deployments.dashboard.responses import html_response
from deployments.dashboard.services import DashboardServices
from jobs.queue.admin_queries import AdminFilter
from jobs.queue.job import JobStatus
from jobs.storage.feedback import Rating
from sidecar.core.errors import BadRequest, ValidationFailed

#: Rows of a page of a list.
PAGE: Final = 50

EnumT = TypeVar("EnumT", bound=StrEnum)


def page(services: DashboardServices, template: str, **values: Any) -> HTMLResponse:
    """Return the page that the template makes of the values."""
    return html_response(services.templates.render(template, **values))


def list_page(
    name: str,
    request: Request,
    services: DashboardServices,
    rows: Sequence[Any],
    **values: Any,
) -> HTMLResponse:
    """Return a page of a list; `rows` has one row more than the page if more exist."""
    return page(
        services,
        f"{name}.html",
        **{name: rows[:PAGE]},
        **values,
        export=f"/dashboard/{name}.jsonl?{request.url.query}",
        older=page_url(request, before=rows[PAGE - 1].id) if len(rows) > PAGE else None,
        newest=page_url(request, before=None) if page_start(request) else None,
        query=request.query_params,
        now=services.clock(),
        here=name,
    )


def admin_filter(request: Request, *known: str) -> AdminFilter:
    """Parse the filter in the query, where empty fields don't filter.

    Raises:
        BadRequest: when a value is none of its kind.
        ValidationFailed: when a parameter is none of `known`, the times, and `before`.
    """
    names = (*known, "since", "until", "before")
    unknown = [name for name in request.query_params if name not in names]
    if unknown:
        raise ValidationFailed(
            f"{unknown[0][:100]} is no filter of this list. Known are {', '.join(names)}."
        )
    query = {name: value for name, value in request.query_params.items() if value}
    outcome = query.get("outcome")
    return AdminFilter(
        tenant_id=query.get("tenant"),
        feature=query.get("feature"),
        status=parse_enum(JobStatus, query.get("state")),
        success=None if outcome is None else outcome == "success",
        rating=parse_enum(Rating, query.get("rating")),
        since=_parse_time(query.get("since")),
        until=_parse_time(query.get("until")),
        search=query.get("q", "").strip()[:200] or None,
    )


def parse_enum(enum: type[EnumT], value: str | None) -> EnumT | None:
    """Return the value of a query's parameter; raises BadRequest when it is none."""
    if value is None:
        return None
    try:
        return enum(value)
    except ValueError as error:
        raise BadRequest(f"Choose one of {', '.join(enum)}.") from error


def _parse_time(value: str | None) -> datetime | None:
    """Parse a date and time, as UTC unless it names its offset. Raises BadRequest."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise BadRequest("Write times like 2026-01-10T12:00.") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def page_start(request: Request) -> str | None:
    """Return the id below which this page of a list begins; None on the first page."""
    return request.query_params.get("before") or None


def page_url(request: Request, **changes: str | None) -> str:
    """Return the URL of the same list with other parameters; those without a value are left out."""
    query = {**request.query_params, **changes}
    query_string = urlencode({name: value for name, value in query.items() if value})
    return f"{request.url.path}?{query_string}"


async def form(request: Request) -> Mapping[str, str]:
    """Parse an HTML form. Raises BadRequest."""
    return {name: values[0] for name, values in (await form_lists(request)).items()}


async def form_lists(request: Request) -> Mapping[str, list[str]]:
    """Parse an HTML form whose fields may come several times. Raises BadRequest."""
    try:
        return parse_qs((await request.body()).decode(), max_num_fields=PAGE + 20)
    except ValueError as error:
        raise BadRequest("The form can't be read.") from error
