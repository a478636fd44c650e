"""The meter on Ray's own metrics, which each node exports to Prometheus."""

from functools import cache
from typing import Any

from ray.util import metrics

from sidecar.core.metrics import INSTRUMENTS


class RayMeter:
    """Instruments are made when first used: Ray exports a series from then on."""

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        """Counts up."""
        if value:
            _instrument(name).inc(value, tags)

    def set(self, name: str, value: float, /, **tags: str) -> None:
        """Sets a gauge."""
        _instrument(name).set(value, tags)

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        """Adds a value to a histogram."""
        _instrument(name).observe(value, tags)


@cache
def _instrument(name: str) -> Any:
    """One a process and name: Ray adds up what the processes of a node record."""
    what = INSTRUMENTS[name]
    if what.kind == "histogram":
        return metrics.Histogram(name, what.description, list(what.buckets), what.tags)
    kind = metrics.Counter if what.kind == "counter" else metrics.Gauge
    return kind(name, what.description, what.tags)
