"""The last day of the replicas' metrics."""

from datetime import UTC, datetime, timedelta

import pytest

from deployments.dashboard.activity import WINDOWS
from deployments.dashboard.charts import Chart
from deployments.dashboard.model_history import ModelHistory
from sidecar.core.errors import ModelUnavailable
from tests.unit.conftest import Clock

BUSY = """# TYPE ray_serve_replica_utilization_percent gauge
ray_serve_replica_utilization_percent{{deployment="Planner",replica="a"}} {0}
ray_serve_replica_utilization_percent{{deployment="Planner",replica="b"}} 0.0
ray_serve_replica_utilization_percent_other{{deployment="Planner",replica="b"}} 77.0
ray_sidecar_batch_texts_bucket{{le="1.0",model="e\\"5"}} 9
ray_sidecar_batch_texts_sum{{model="e\\"5",pid="1"}} {1}
ray_sidecar_batch_texts_count{{model="e\\"5",pid="1"}} {2}
ray_sidecar_tokens_total{{kind="read"}} {3}
"""


class Metrics:
    text = ""

    def read(self) -> str:
        if not self.text:
            raise ModelUnavailable
        return self.text


def values(chart: Chart) -> dict[str, list[float]]:
    """Return the values of each series that are known, oldest first."""
    return {
        series.name: [value for value in series.values if value is not None]
        for series in chart.series
    }


async def test_counters_become_rates_and_gauges_means(clock: Clock) -> None:
    metrics = Metrics()
    history = ModelHistory(metrics.read, clock)
    for busy, texts, batches, tokens in (
        (10, 5, 5, 0),
        (30, 25, 10, 90),  # 20 texts in 5 batches, 90 tokens in a minute
        (50, 25, 10, 90),  # nothing
        (10, 8, 2, 40),  # began anew
    ):
        metrics.text = BUSY.format(busy, texts, batches, tokens)
        await history.sample()
        clock.advance(60)
    charts = history.charts(WINDOWS["hour"], clock.now)
    assert values(charts.utilization) == {"Planner": [15, 25, 5]}
    assert values(charts.batch_size) == {'e\\"5': [4, 4]}
    assert values(charts.tokens) == {"read": [90, 0, 40]}
    assert len(charts.tokens.series[0].values) == 60


async def test_without_metrics_the_charts_are_empty(clock: Clock) -> None:
    metrics = Metrics()
    history = ModelHistory(metrics.read, clock)
    await history.sample()
    charts = history.charts(WINDOWS["day"], clock.now)
    assert charts.utilization.empty
    assert charts.batch_size.empty
    assert charts.tokens.empty


@pytest.mark.parametrize("text", ["", "nonsense", "ray_sidecar_tokens_total{} NaN"])
async def test_whatever_the_page_says_is_read(clock: Clock, text: str) -> None:
    history = ModelHistory(lambda: text, clock)
    for _ in range(2):
        await history.sample()
        clock.advance(30)
    history.charts(WINDOWS["hour"], datetime.now(UTC) + timedelta(days=1))
