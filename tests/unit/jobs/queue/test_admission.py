"""A full queue says so before it takes what it can't do."""

from dataclasses import replace

import pytest

from jobs.queue.admission import COUNT_TTL_S, AdmissionController
from jobs.queue.claims import Claims
from jobs.queue.job import NewJob
from jobs.queue.queue import JobQueue
from sidecar.core.errors import Overloaded, TooManyRequests

NEW = NewJob(tenant_id="a", feature="f", input_payload={}, request_id="r")


class Ticks:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def admission(queue: JobQueue, ticks: Ticks) -> AdmissionController:
    return AdmissionController(queue, most=3, most_of_tenant=2, clock=ticks)


async def test_a_tenant_over_its_share_waits_while_others_submit(
    admission: AdmissionController,
) -> None:
    await admission.reserve("a")
    await admission.reserve("a")
    with pytest.raises(TooManyRequests) as refused:
        await admission.reserve("a")
    assert refused.value.retry_after_s
    await admission.reserve("b")


async def test_a_full_queue_refuses_everybody(admission: AdmissionController) -> None:
    for tenant in ("a", "b", "c"):
        await admission.reserve(tenant)
    with pytest.raises(Overloaded) as refused:
        await admission.reserve("d")
    assert refused.value.retry_after_s


async def test_what_waits_already_counts_and_what_is_done_makes_room(
    admission: AdmissionController, queue: JobQueue, claims: Claims, ticks: Ticks
) -> None:
    for tenant in ("a", "a", "b"):
        await queue.submit(replace(NEW, tenant_id=tenant))
    with pytest.raises(Overloaded):
        await admission.reserve("a")
    await claims.claim(["f"], 2)
    with pytest.raises(Overloaded):
        await admission.reserve("a")  # the count is still fresh
    ticks.now += COUNT_TTL_S
    await admission.reserve("a")
