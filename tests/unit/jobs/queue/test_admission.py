from dataclasses import replace

import pytest

from jobs.queue.admission import COUNT_TTL_S, AdmissionController
from jobs.queue.claims import Claims
from jobs.queue.job import NewJob
from jobs.queue.queue import JobQueue
from sidecar.core.errors import Overloaded, TooManyRequests

NEW = NewJob(tenant_id="a", feature="f", input_payload={}, request_id="r")


class MonotonicClock:
    """A fake clock in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> MonotonicClock:
    return MonotonicClock()


@pytest.fixture
def admission(queue: JobQueue, monotonic: MonotonicClock) -> AdmissionController:
    return AdmissionController(queue, capacity=3, tenant_capacity=2, clock=monotonic)


async def test_a_tenant_over_its_share_is_refused_while_others_submit(
    admission: AdmissionController,
) -> None:
    await admission.reserve("a")
    await admission.reserve("a")
    with pytest.raises(TooManyRequests) as refused:
        await admission.reserve("a")
    assert refused.value.retry_after_s
    await admission.reserve("b")


async def test_a_full_queue_refuses_every_tenant(admission: AdmissionController) -> None:
    for tenant in ("a", "b", "c"):
        await admission.reserve(tenant)
    with pytest.raises(Overloaded) as refused:
        await admission.reserve("d")
    assert refused.value.retry_after_s


async def test_queued_jobs_count_until_they_are_claimed(
    admission: AdmissionController, queue: JobQueue, claims: Claims, monotonic: MonotonicClock
) -> None:
    for tenant in ("a", "a", "b"):
        await queue.submit(replace(NEW, tenant_id=tenant))
    with pytest.raises(Overloaded):
        await admission.reserve("a")
    await claims.claim(["f"], 2)
    with pytest.raises(Overloaded):
        await admission.reserve("a")  # the count is still fresh
    monotonic.now += COUNT_TTL_S
    await admission.reserve("a")
