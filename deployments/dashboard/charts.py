"""The geometry of charts, which the templates draw as SVG.

The drawing area is 100 x 100 with y growing downwards, and stretches to any size. Labels are page
text outside it, so that they keep their size on a phone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["bars", "lines"]

#: Axis ends, times a power of ten.
_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One value per bucket, oldest first; None for a missing value."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class SvgSeries:
    """A series as an SVG path."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart, ready to draw."""

    kind: Kind
    series: Sequence[SvgSeries]
    top: float  # the value at the upper edge
    empty: bool
    #: Its values, newest first, without empty buckets: the buckets ago, and one of each series.
    rows: Sequence[tuple[int, Sequence[float | None]]]


def stacked_bars(all_series: Sequence[Series]) -> Chart:
    """Return a bar chart with the series stacked in their order."""
    count = len(all_series[0].values)
    totals = [sum(series.values[i] or 0 for series in all_series) for i in range(count)]
    top = round_up(max(totals, default=0))
    width = 100 / count
    stacked = [0.0] * count
    svg_series = []
    for series in all_series:
        bars = []
        for i, value in enumerate(series.values):
            if not value:
                continue
            height = 100 * value / top
            y = 100 - 100 * stacked[i] / top
            x = i * width + 0.1 * width
            bars.append(f"M{x:.2f} {y:.2f}h{0.8 * width:.2f}v{-height:.2f}h{-0.8 * width:.2f}z")
            stacked[i] += value
        svg_series.append(SvgSeries(name=series.name, path="".join(bars)))
    return Chart(
        kind="bars",
        series=svg_series,
        top=top,
        empty=not any(totals),
        rows=_rows(all_series, any_of=bool),
    )


def lines(all_series: Sequence[Series]) -> Chart:
    """Return a line chart. Missing values break a line, and a single value becomes a dash."""
    values = [value for series in all_series for value in series.values if value is not None]
    top = round_up(max(values, default=0))
    return Chart(
        kind="lines",
        series=[
            SvgSeries(name=series.name, path=_line_path(series.values, top))
            for series in all_series
        ],
        top=top,
        empty=not values,
        rows=_rows(all_series, any_of=lambda value: value is not None),
    )


def _rows(
    all_series: Sequence[Series], *, any_of: Callable[[float | None], bool]
) -> Sequence[tuple[int, Sequence[float | None]]]:
    buckets = list(zip(*(series.values for series in all_series), strict=True))
    return [
        (age, bucket) for age, bucket in enumerate(reversed(buckets)) if any(map(any_of, bucket))
    ]


def _line_path(values: Sequence[float | None], top: float) -> str:
    width = 100 / len(values)
    path = []
    is_drawing = False
    for i, value in enumerate(values):
        if value is None:
            is_drawing = False
            continue
        y = 100 - 100 * value / top
        if is_drawing:
            path.append(f"L{(i + 0.5) * width:.2f} {y:.2f}")
        else:
            path.append(f"M{(i + 0.2) * width:.2f} {y:.2f}L{(i + 0.8) * width:.2f} {y:.2f}")
            is_drawing = True
    return "".join(path)


def round_up(value: float) -> float:
    """Return the next readable axis end; 1 for values up to 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if value <= step * power * (1 + 1e-9))
