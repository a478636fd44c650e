"""Charts as values."""

from typing import Any

from deployments.dashboard.charts import Chart, Series


def chart(kind: Any, *series: Series) -> Chart:
    return Chart(kind=kind, unit="count", bucket_s=60, series=series)


def test_a_chart_has_its_values_as_a_table_newest_first_without_empty_rows() -> None:
    done = Series(name="succeeded", values=[1, 0, 0, 3])
    lost = Series(name="failed", values=[0, 0, 2, 1])
    assert chart("bars", done, lost).rows == [(0, (3, 1)), (1, (0, 2)), (3, (1, 0))]
    latency = Series(name="p50", values=[0.0, None, 0.2])
    assert chart("lines", latency).rows == [(0, (0.2,)), (2, (0.0,))]


def test_a_chart_without_values_is_empty() -> None:
    assert chart("bars", Series(name="failed", values=[0, 0])).empty
    assert not chart("lines", Series(name="running", values=[0, 0])).empty, "zero is a value"
    assert chart("lines", Series(name="p50", values=[None])).empty
    assert chart("lines").empty


def test_its_data_is_short() -> None:
    data = chart("lines", Series(name="p50", values=[1 / 3, None, 1_234_567_890])).data
    [series] = data["series"]
    assert series == {"name": "p50", "values": [0.333333, None, 1_234_570_000]}
