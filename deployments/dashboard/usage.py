"""The page of each tenant's use over the last thirty days."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, Response

from deployments.dashboard.charts import Chart, Series
from deployments.dashboard.lists import page
from deployments.dashboard.responses import HtmlRoute
from deployments.dashboard.services import DashboardDep
from jobs.queue.usage_queries import Usage
from sidecar.core.errors import DatabaseUnavailable

router = APIRouter(prefix="/dashboard/use", include_in_schema=False, route_class=HtmlRoute)

DAYS: Final = 30
#: How long the page waits for figures that are not cached.
_TIMEOUT_S: Final = 20.0


@router.get("")
async def use(services: DashboardDep) -> Response:
    """Show each tenant's use."""
    usage = await services.usage.get(timeout_s=_TIMEOUT_S)
    if usage is None:
        raise DatabaseUnavailable(retry_after_s=5)
    return page(
        services,
        "use.html",
        usage=usage,
        chart=Chart(kind="bars", unit="count", bucket_s=86_400, series=_series(usage)),
        days=DAYS,
        here="use",
    )


def _series(usage: Usage) -> Sequence[Series]:
    """Return the days of the tenants with the most results, and those of all others together."""
    series = [
        Series(name=tenant.tenant_id, values=list(tenant.daily), style=f"s{number}")
        for number, tenant in enumerate(usage.tenants)
        if tenant.daily
    ]
    rest = [
        max(0, total - sum(values))
        for total, *values in zip(usage.daily, *(one.values for one in series), strict=True)
    ]
    return [*series, Series(name="all others", values=rest, style="rest")] if any(rest) else series
