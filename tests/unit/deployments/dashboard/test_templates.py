"""The formats of values on the pages."""

import pytest

from deployments.dashboard.templates import confidence_level, duration, size


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
def test_durations_are_readable(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_and_confidences_are_readable() -> None:
    assert [size(count) for count in (None, 12, 1536, 5 * 2**40)] == [
        "–", "12 B", "1.5 KiB", "5.0 TiB",
    ]  # fmt: skip
    assert [confidence_level(value) for value in (None, 0.95, 0.7, 0.1)] == [
        "unknown", "high", "medium", "low",
    ]  # fmt: skip
