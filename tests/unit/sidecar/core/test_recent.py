"""Answers that are remembered for a moment."""

from itertools import count

import pytest

from sidecar.core.recent import Recent


def test_it_asks_again_when_the_answer_is_old() -> None:
    now = 100.0
    numbers = count()
    recent = Recent(lambda: next(numbers), 1.0, clock=lambda: now)
    assert [recent(), recent(), recent()] == [0, 0, 0]
    now += 1.1
    assert [recent(), recent(), recent()] == [1, 1, 1]


def test_a_failure_is_not_remembered() -> None:
    answers = iter(["here"])
    failures = [OSError("away")]

    def ask() -> str:
        if failures:
            raise failures.pop()
        return next(answers)

    recent = Recent(ask, 1.0)
    with pytest.raises(OSError, match="away"):
        recent()
    assert [recent(), recent()] == ["here", "here"]
