"""The geometry of charts."""

import math

from hypothesis import given
from hypothesis import strategies as st

from deployments.dashboard.charts import round_up


@given(st.floats(1e-6, 1e12))
def test_an_axis_ends_above_its_values_and_not_far_above(value: float) -> None:
    top = round_up(value)
    assert value <= top * (1 + 1e-6)
    assert top <= 2 * value
    assert math.log10(top) > math.log10(value) - 1
