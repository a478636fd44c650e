import threading
from collections.abc import Iterator

import pytest

from jobs.queue.job import JobResult
from jobs.tasks.supervisor import IdleHeapTrimmer, resident_bytes, run_supervised, trim_heap
from sidecar.core.errors import InvalidImage, OutOfMemory

DONE = JobResult(output={}, model_id="m", model_version="1")
GiB = 2**30


def test_events_of_the_work_follow_a_start_event_in_order() -> None:
    events = run_supervised(iter([0.25, 0.5, DONE]), memory_bytes=64 * GiB)
    assert list(events) == [0.0, 0.25, 0.5, DONE]


def test_an_error_of_the_work_is_raised() -> None:
    def work() -> Iterator[float]:
        yield 0.5
        raise InvalidImage

    events = run_supervised(work(), memory_bytes=64 * GiB)
    assert [next(events), next(events)] == [0.0, 0.5]
    with pytest.raises(InvalidImage):
        next(events)


def test_work_over_the_memory_limit_is_reported_while_it_still_runs() -> None:
    unblock = threading.Event()
    resident = iter([1, 1, 3])

    def work() -> Iterator[float]:
        yield 0.5
        unblock.wait(10)

    events = run_supervised(work(), memory_bytes=2, resident=lambda: next(resident))
    assert [next(events), next(events)] == [0.0, 0.5]
    last = next(events)
    unblock.set()
    assert isinstance(last, OutOfMemory)
    assert "limit of 2 bytes" in last.message


def test_the_memory_of_this_process_is_measured() -> None:
    assert 10 * 2**20 < resident_bytes() < 64 * GiB


def test_trimming_returns_freed_memory_to_the_system() -> None:
    blocks = [b"x" * 100_000 for _ in range(1_000)]
    last = blocks.pop()  # on top of the heap, so memory below it stays with the process
    blocks.clear()
    before = resident_bytes()
    trim_heap()
    assert before - resident_bytes() > 50_000_000
    assert last


def test_the_heap_is_trimmed_after_a_time_without_work() -> None:
    trimmed = threading.Event()
    trimmer = IdleHeapTrimmer(after_s=0.01, trim=trimmed.set)
    with trimmer:
        pass
    assert trimmed.wait(10)


def test_the_heap_is_not_trimmed_during_work() -> None:
    trimmed = threading.Event()
    trimmer = IdleHeapTrimmer(after_s=60, trim=trimmed.set)
    others = set(threading.enumerate())
    with trimmer:
        pass
    [timer] = set(threading.enumerate()) - others
    with trimmer:
        timer.join(10)
        assert not timer.is_alive()
    assert not trimmed.is_set()
