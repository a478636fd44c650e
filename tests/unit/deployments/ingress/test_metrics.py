"""What the ingress tells Prometheus of its requests."""

from collections.abc import AsyncIterator

import pytest

from sidecar.core.metrics import INSTRUMENTS
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import Front, serving

TENANT = {"x-tenant-id": "t1"}


class Recorded:
    """A meter that keeps what it is told, and takes only what INSTRUMENTS has."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], float] = {}
        self.observed: list[tuple[str, ...]] = []

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        assert set(tags) == set(INSTRUMENTS[name].tags)
        key = (name, *(tags[tag] for tag in INSTRUMENTS[name].tags))
        self.counts[key] = self.counts.get(key, 0) + value

    def set(self, name: str, value: float, /, **tags: str) -> None:
        raise AssertionError(f"a request sets no gauge: {name} {value} {tags}")

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        assert set(tags) == set(INSTRUMENTS[name].tags)
        assert value >= 0
        self.observed.append((name, *tags.values()))


@pytest.fixture
def meter() -> Recorded:
    return Recorded()


@pytest.fixture
async def metered(settings: Settings, meter: Recorded) -> AsyncIterator[Front]:
    async with serving(settings, meter=meter) as front:
        yield front


async def test_requests_are_counted_by_route_and_errors_by_code(
    metered: Front, meter: Recorded
) -> None:
    for job_id in ("job_1", "job_2"):
        await metered.client.get(f"/api/v1/jobs/{job_id}", headers=TENANT)
    await metered.client.get("/health/live")
    await metered.client.get("/no/such/path/7")
    assert meter.counts == {
        ("sidecar_requests", "GET", "/api/v1/jobs/{job_id}", "404"): 2,
        ("sidecar_errors", "/api/v1/jobs/{job_id}", "not_found"): 2,
        ("sidecar_requests", "GET", "/health/live", "200"): 1,
        ("sidecar_requests", "GET", "none", "404"): 1,
        ("sidecar_errors", "none", "not_found"): 1,
    }
    assert len(meter.observed) == 4
