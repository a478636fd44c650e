"""The geometry of charts."""

import math

from hypothesis import given
from hypothesis import strategies as st

from deployments.dashboard.charts import Series, lines, round_up, stacked_bars


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_above_its_values_and_not_far_above(value: float) -> None:
    top = round_up(value)
    assert value <= top * (1 + 1e-6)
    assert top <= 2 * value
    assert math.log10(top) > math.log10(value) - 1


def test_a_chart_has_its_values_as_a_table_newest_first_without_empty_rows() -> None:
    done = Series(name="succeeded", values=[1, 0, 0, 3])
    lost = Series(name="failed", values=[0, 0, 2, 1])
    assert stacked_bars([done, lost]).rows == [(0, (3, 1)), (1, (0, 2)), (3, (1, 0))]
    latency = Series(name="p50", values=[0.0, None, 0.2])
    assert lines([latency]).rows == [(0, (0.2,)), (2, (0.0,))]
