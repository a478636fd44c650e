"""A full queue says so before it takes what it can't do."""

from dataclasses import replace

import pytest

from jobs.queue.admission import FRESH_S, Backlog
from jobs.queue.claims import Claims
from jobs.queue.job import NewJob
from jobs.queue.queue import Queue
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
def backlog(queue: Queue, ticks: Ticks) -> Backlog:
    return Backlog(queue, most=3, most_of_tenant=2, clock=ticks)


async def test_a_tenant_over_its_share_waits_while_others_submit(backlog: Backlog) -> None:
    await backlog.admit("a")
    await backlog.admit("a")
    with pytest.raises(TooManyRequests) as refused:
        await backlog.admit("a")
    assert refused.value.retry_after_s
    await backlog.admit("b")


async def test_a_full_queue_refuses_everybody(backlog: Backlog) -> None:
    for tenant in ("a", "b", "c"):
        await backlog.admit(tenant)
    with pytest.raises(Overloaded) as refused:
        await backlog.admit("d")
    assert refused.value.retry_after_s


async def test_what_waits_already_counts_and_what_is_done_makes_room(
    backlog: Backlog, queue: Queue, claims: Claims, ticks: Ticks
) -> None:
    for tenant in ("a", "a", "b"):
        await queue.submit(replace(NEW, tenant_id=tenant))
    with pytest.raises(Overloaded):
        await backlog.admit("a")
    await claims.claim(["f"], 2)
    with pytest.raises(Overloaded):
        await backlog.admit("a")  # the count is still fresh
    ticks.now += FRESH_S
    await backlog.admit("a")
