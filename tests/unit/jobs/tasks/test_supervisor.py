"""An attempt in its process: what the work yields, and an end when it takes too much memory."""

import threading
from collections.abc import Iterator

import pytest

from jobs.queue.job import JobResult
from jobs.tasks.supervisor import IdleHeapTrimmer, resident_bytes, run_supervised, trim_heap
from sidecar.core.errors import InvalidImage, WorkerDied

DONE = JobResult(output={}, model_id="m", model_version="1")
GiB = 2**30


def test_what_the_work_yields_comes_in_order_after_its_start() -> None:
    events = run_supervised(iter([0.25, 0.5, DONE]), memory_bytes=64 * GiB)
    assert list(events) == [0.0, 0.25, 0.5, DONE]


def test_what_the_work_raises_is_raised() -> None:
    def work() -> Iterator[float]:
        yield 0.5
        raise InvalidImage

    events = run_supervised(work(), memory_bytes=64 * GiB)
    assert [next(events), next(events)] == [0.0, 0.5]
    with pytest.raises(InvalidImage):
        next(events)


def test_work_that_takes_too_much_memory_is_told_of_while_it_goes_on() -> None:
    stuck = threading.Event()
    resident = iter([1, 1, 3])

    def work() -> Iterator[float]:
        yield 0.5
        stuck.wait(10)

    events = run_supervised(work(), memory_bytes=2, resident=lambda: next(resident))
    assert [next(events), next(events)] == [0.0, 0.5]
    last = next(events)
    stuck.set()
    assert isinstance(last, WorkerDied)
    assert "limit of 2 bytes" in last.message


def test_the_memory_of_this_process_is_known() -> None:
    assert 10 * 2**20 < resident_bytes() < 64 * GiB


def test_what_the_work_has_freed_goes_back_to_the_system() -> None:
    blocks = [b"x" * 100_000 for _ in range(1_000)]
    last = blocks.pop()  # on top of the heap: what lies below it stays with the process
    blocks.clear()
    before = resident_bytes()
    trim_heap()
    assert before - resident_bytes() > 50_000_000
    assert last


def test_memory_is_given_back_when_no_work_has_gone_on_for_a_while() -> None:
    given_back = threading.Event()
    rest = IdleHeapTrimmer(after_s=0.01, give_back=given_back.set)
    with rest:
        pass
    assert given_back.wait(10)


def test_memory_is_not_given_back_while_the_next_work_goes_on() -> None:
    given_back = threading.Event()
    rest = IdleHeapTrimmer(after_s=60, give_back=given_back.set)
    others = set(threading.enumerate())
    with rest:
        pass
    [timer] = set(threading.enumerate()) - others
    with rest:
        timer.join(10)
        assert not timer.is_alive()
    assert not given_back.is_set()
