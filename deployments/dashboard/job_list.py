"""The operator's list of jobs, and actions on those that were selected in it."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from deployments.dashboard.lists import (
    PAGE,
    admin_filter,
    form_lists,
    list_page,
    page_start,
    page_url,
    parse_enum,
)
from deployments.dashboard.responses import HtmlRoute
from deployments.dashboard.services import DashboardDep
from jobs.queue.admin_queries import MAX_COUNTED
from jobs.queue.job import JobStatus
from jobs.queue.job_sorting import JobSort
from sidecar.core.errors import BadRequest, Conflict, NotFound

router = APIRouter(prefix="/dashboard/jobs", include_in_schema=False, route_class=HtmlRoute)

#: The labels of the orders.
_ORDERS: Final[Mapping[JobSort, str]] = {
    JobSort.NEWEST: "Newest first",
    JobSort.OLDEST: "Oldest first",
    JobSort.LONGEST: "Longest first",
    JobSort.SHORTEST: "Shortest first",
    JobSort.LEAST_SURE: "Least sure first",
    JobSort.SUREST: "Surest first",
    JobSort.MERCHANT: "Merchant, A to Z",
    JobSort.MERCHANT_REVERSED: "Merchant, Z to A",
}
#: The orders that the heading of a column goes through.
_COLUMNS: Final[Mapping[str, tuple[JobSort, JobSort]]] = {
    "Merchant or plan": (JobSort.MERCHANT, JobSort.MERCHANT_REVERSED),
    "Confidence": (JobSort.LEAST_SURE, JobSort.SUREST),
    "Submitted": (JobSort.NEWEST, JobSort.OLDEST),
    "Took": (JobSort.LONGEST, JobSort.SHORTEST),
}


@router.get("")
async def list_jobs(request: Request, services: DashboardDep) -> Response:
    """List the jobs of all tenants."""
    filter_ = admin_filter(request, "tenant", "feature", "state", "q", "sort")
    sort = parse_enum(JobSort, request.query_params.get("sort") or None) or JobSort.NEWEST
    jobs = await services.queries.jobs(
        filter_, before=page_start(request), limit=PAGE + 1, sort=sort
    )
    counts = await services.queries.state_counts(filter_)
    tabs: list[tuple[Any, ...]] = [
        (state, counts[state], page_url(request, before=None, state=state)) for state in JobStatus
    ]
    return list_page(
        "jobs",
        request,
        services,
        jobs,
        features=sorted(services.job_types),
        tabs=[(None, None, page_url(request, before=None, state=None)), *tabs],
        max_counted=MAX_COUNTED,
        receipts=await services.review_queries.summaries(jobs),
        plans=await services.review_queries.plans(jobs),
        pauses=await services.queue.pauses(),
        sort=sort,
        orders=_ORDERS,
        headings={name: _heading(request, sort, orders) for name, orders in _COLUMNS.items()},
    )


@router.post("")
async def act_on_jobs(request: Request, services: DashboardDep) -> Response:
    """Retry or cancel the jobs that were selected in the list; those that can't be stay."""
    form = await form_lists(request)
    action = (form.get("action") or [""])[0]
    if action not in ("retry", "cancel"):
        raise BadRequest("Choose retry or cancel.")
    for job_id in form.get("job", [])[:PAGE]:
        with suppress(Conflict, NotFound):
            job = await services.queries.job(job_id)
            if action == "cancel":
                await services.queue.cancel(job.tenant_id, job_id)
            else:
                extra_attempts = services.job_types[job.feature].max_attempts
                await services.queue.retry(job.tenant_id, job_id, extra_attempts=extra_attempts)
    return RedirectResponse(f"/dashboard/jobs?{request.url.query}", 303)


def _heading(
    request: Request, sort: JobSort, orders: tuple[JobSort, JobSort]
) -> tuple[str, str | None]:
    """Return the URL behind a column's heading, and the column's aria-sort."""
    following = orders[1] if sort is orders[0] else orders[0]
    direction = None
    if sort in orders:
        direction = "descending" if sort.descending else "ascending"
    return page_url(request, before=None, sort=following), direction
