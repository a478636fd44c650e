"""From numbers to the geometry of a chart: what the templates draw as SVG.

The drawing area is 100 wide and 100 high whatever it is stretched to, with y growing downwards;
labels stand outside it as text of the page, so that they keep their size on a phone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["bars", "lines"]

#: Where an axis may end, times a power of ten.
_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One value a bucket, oldest first; None where there is nothing to show."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, kw_only=True)
class SvgSeries:
    """A series as an SVG path."""

    name: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart, ready to be drawn."""

    kind: Kind
    series: Sequence[SvgSeries]
    top: float  # the value at the upper edge
    empty: bool


def stacked(series: Sequence[Series]) -> Chart:
    """Bars, each series on top of the one before."""
    count = len(series[0].values)
    totals = [sum(one.values[i] or 0 for one in series) for i in range(count)]
    top = round_up(max(totals, default=0))
    width = 100 / count
    below = [0.0] * count
    drawn = []
    for one in series:
        pieces = []
        for i, value in enumerate(one.values):
            if not value:
                continue
            height = 100 * value / top
            y = 100 - 100 * below[i] / top
            x = i * width + 0.1 * width
            pieces.append(f"M{x:.2f} {y:.2f}h{0.8 * width:.2f}v{-height:.2f}h{-0.8 * width:.2f}z")
            below[i] += value
        drawn.append(SvgSeries(name=one.name, path="".join(pieces)))
    return Chart(kind="bars", series=drawn, top=top, empty=not any(totals))


def lines(series: Sequence[Series]) -> Chart:
    """A line for each series, broken where values are missing; a lone value is a dash."""
    known = [value for one in series for value in one.values if value is not None]
    top = round_up(max(known, default=0))
    return Chart(
        kind="lines",
        series=[SvgSeries(name=one.name, path=_line(one.values, top)) for one in series],
        top=top,
        empty=not known,
    )


def _line(values: Sequence[float | None], top: float) -> str:
    width = 100 / len(values)
    path = []
    drawing = False
    for i, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        y = 100 - 100 * value / top
        if drawing:
            path.append(f"L{(i + 0.5) * width:.2f} {y:.2f}")
        else:
            path.append(f"M{(i + 0.2) * width:.2f} {y:.2f}L{(i + 0.8) * width:.2f} {y:.2f}")
            drawing = True
    return "".join(path)


def round_up(value: float) -> float:
    """The next number that reads well as the end of an axis; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if value <= step * power * (1 + 1e-9))
