"""Branch-and-cut that doesn't look at the clock."""

import time

import pytest

from bench.planner_instances import instance
from sidecar.planning import milp_solver
from sidecar.planning.response import Status
from sidecar.planning.schemas import PlanRequest
from sidecar.planning.solve import solve


def test_a_search_that_does_not_end_in_time_is_left_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(milp_solver, "_OVERRUN_S", -1_000.0)  # every search is late
    request = PlanRequest.model_validate(instance(3, 100, 7, 3, timeout_ms=2_000, locks=0))
    answer = solve(request, clock=time.monotonic)
    assert answer.status is Status.TIMEOUT
    assert answer.meal_plan
    milp_solver.wait_for_overdue()
    assert not milp_solver.is_overdue()
