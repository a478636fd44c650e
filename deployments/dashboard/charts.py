"""Charts as values: the page draws them with uPlot (static/charts.js) and shows them as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Series:
    """One value per bucket, oldest first; None for a missing value."""

    name: str
    values: Sequence[float | None]
    style: str | None = None  # the CSS class with its color; the name where it is None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart over equal buckets of time, of which the last one ends now."""

    kind: Literal["bars", "lines"]  # bars are stacked in the order of the series
    unit: Literal["count", "duration"]  # durations are in seconds
    bucket_s: float
    series: Sequence[Series]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.rows

    @property
    def rows(self) -> Sequence[tuple[int, Sequence[float | None]]]:
        """The buckets with a value, newest first: how many ago, and the value of each series.

        A bar of height zero is no value.
        """
        nothing = (None, 0) if self.kind == "bars" else (None,)
        buckets = list(zip(*(series.values for series in self.series), strict=True))
        return [
            (age, bucket)
            for age, bucket in enumerate(reversed(buckets))
            if any(value not in nothing for value in bucket)
        ]

    @property
    def data(self) -> dict[str, Any]:
        """The chart as JSON for charts.js."""
        return {
            "kind": self.kind,
            "unit": self.unit,
            "bucket_s": self.bucket_s,
            "series": [
                {"name": series.name, "values": [_rounded(value) for value in series.values]}
                for series in self.series
            ],
        }


def _rounded(value: float | None) -> float | None:
    """Return the value with six significant digits, to keep live updates small."""
    return None if value is None else float(f"{value:.6g}")
