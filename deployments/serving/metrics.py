"""A meter on Ray's metrics, which each node exports to Prometheus."""

from functools import cache
from typing import Any

from ray.util import metrics

from sidecar.core.metrics import INSTRUMENTS


class RayMeter:
    """A Meter that creates instruments on first use, because Ray exports their series from then."""

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        if value:
            _instrument(name).inc(value, tags)

    def set(self, name: str, value: float, /, **tags: str) -> None:
        _instrument(name).set(value, tags)

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        _instrument(name).observe(value, tags)


@cache
def _instrument(name: str) -> Any:
    """Return this process's instrument; Ray sums the values of a node's processes."""
    instrument = INSTRUMENTS[name]
    if instrument.kind == "histogram":
        buckets = list(instrument.buckets)
        return metrics.Histogram(name, instrument.description, buckets, instrument.tags)
    kind = metrics.Counter if instrument.kind == "counter" else metrics.Gauge
    return kind(name, instrument.description, instrument.tags)
