"""How values read on the pages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.dashboard.charts import round_up
from deployments.dashboard.templates import duration, percentage, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0123, "12 ms"),
        (1.44, "1.4 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (273_600, "3 d 4 h"),
        (-1, "0 ms"),
    ],
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_and_confidences_read_well() -> None:
    assert [size(count) for count in (None, 12, 1536, 5 * 2**40)] == [
        "–", "12 B", "1.5 KiB", "5.0 TiB",
    ]  # fmt: skip
    assert [percentage(value) for value in (None, 0.95, 0.7, 0.1)] == [
        "unknown", "high", "medium", "low",
    ]  # fmt: skip


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_above_its_values_and_not_far_above(value: float) -> None:
    top = round_up(value)
    assert value <= top * (1 + 1e-6)
    assert top <= 2 * value
    assert math.log10(top) > math.log10(value) - 1
