"""The last day of what the replicas measure: how busy they are, their batches, the chats' tokens.

The metrics are counters and gauges without a past, so they are sampled while the process runs, from
the same pages that Prometheus reads.
"""

import asyncio
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import fmean
from typing import Final

from deployments.dashboard.activity import Window
from deployments.dashboard.charts import Chart, Series
from sidecar.core.errors import ServiceError

_PERIOD_S: Final = 30.0
_SAMPLES: Final = int(86_400 / _PERIOD_S)
_STYLES: Final = ("s0", "s1", "s2", "s3", "s4", "rest")
#: Each metric's name, and the tag whose values are told apart.
_TAGS: Final[Mapping[str, str]] = {
    "ray_serve_replica_utilization_percent": "deployment",
    "ray_sidecar_batch_texts_sum": "model",
    "ray_sidecar_batch_texts_count": "model",
    "ray_sidecar_tokens_total": "kind",
}
_LINE: Final = re.compile(rf"^({'|'.join(_TAGS)})\{{([^}}]*)\}} (\S+)", re.MULTILINE)
_TAG: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Values = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The metrics at one moment, by the values of their tags."""

    at: float  # POSIX seconds
    utilization: Values  # mean percentage of the replicas, by deployment
    texts: Values  # in batches so far, by model
    batches: Values  # so far, by model
    tokens: Values  # so far, by kind

    @classmethod
    def of(cls, text: str, at: float) -> "Sample":
        """Read the metrics from Prometheus' text format; others are skipped."""
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for name, tags, value in _LINE.findall(text):
            tag = dict(_TAG.findall(tags)).get(_TAGS[name], "")
            found[name][tag].append(float(value))

        def total(name: str) -> Values:
            return {tag: sum(values) for tag, values in found[name].items()}

        utilization = found["ray_serve_replica_utilization_percent"]
        return cls(
            at=at,
            utilization={tag: fmean(values) for tag, values in utilization.items()},
            texts=total("ray_sidecar_batch_texts_sum"),
            batches=total("ray_sidecar_batch_texts_count"),
            tokens=total("ray_sidecar_tokens_total"),
        )


@dataclass(frozen=True, kw_only=True)
class ModelCharts:
    """What the overview shows of the replicas."""

    utilization: Chart  # percent
    batch_size: Chart  # texts in a batch, on average
    tokens: Chart  # a minute


class ModelHistory:
    """Samples of the last day, taken since this process started."""

    def __init__(self, read: Callable[[], str], clock: Callable[[], datetime]) -> None:
        """`read` returns the metrics' text, raises ServiceError, and is called in a thread."""
        self._read = read
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            await self.sample()
            await asyncio.sleep(_PERIOD_S)

    async def sample(self) -> None:
        """Add a sample, unless the metrics can't be read now."""
        at = self._clock().timestamp()
        try:
            self._samples.append(await asyncio.to_thread(lambda: Sample.of(self._read(), at)))
        except ServiceError:
            return

    def charts(self, window: Window, now: datetime) -> ModelCharts:
        """Return the charts of the window that ends `now`."""
        end = now.timestamp()
        buckets: list[list[tuple[Sample, Sample]]] = [[] for _ in range(window.buckets)]
        for before, sample in pairwise(self._samples):
            age = int((end - sample.at) // window.bucket_s)
            if 0 <= age < window.buckets:
                buckets[-1 - age].append((before, sample))

        def chart(names: Sequence[str], values: Callable[[str], Sequence[float | None]]) -> Chart:
            series = [
                Series(name=name, values=values(name), style=style)
                for name, style in zip(names, _STYLES, strict=False)
            ]
            return Chart(kind="lines", unit="count", bucket_s=window.bucket_s, series=series)

        def utilization(name: str) -> Iterator[float | None]:
            for pairs in buckets:
                known = [s.utilization[name] for _, s in pairs if name in s.utilization]
                yield fmean(known) if known else None

        def batch_size(name: str) -> Iterator[float | None]:
            for pairs in buckets:
                texts = sum(_increase(a.texts, b.texts, name) for a, b in pairs)
                batches = sum(_increase(a.batches, b.batches, name) for a, b in pairs)
                yield texts / batches if batches else None

        def tokens(name: str) -> Iterator[float | None]:
            for pairs in buckets:
                seconds = sum(b.at - a.at for a, b in pairs)
                added = sum(_increase(a.tokens, b.tokens, name) for a, b in pairs)
                yield 60 * added / seconds if seconds else None

        last = self._samples[-1] if self._samples else Sample.of("", end)
        busiest = sorted(last.utilization, key=lambda name: (-last.utilization[name], name))
        return ModelCharts(
            utilization=chart(busiest, lambda name: list(utilization(name))),
            batch_size=chart(sorted(last.batches), lambda name: list(batch_size(name))),
            tokens=chart(sorted(last.tokens), lambda name: list(tokens(name))),
        )


def _increase(before: Values, after: Values, name: str) -> float:
    """Return how much a counter grew; all of it after a process began to count anew."""
    value, last = after.get(name, 0.0), before.get(name, 0.0)
    return value - last if value >= last else value
