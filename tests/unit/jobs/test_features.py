from pathlib import Path

from bench.planner_instances import instance
from deployments.settings import Settings
from jobs.features import Work, plan_meals
from jobs.job import Outcome, SoFar


def test_a_plan_as_a_job_tells_what_it_has_so_far_and_ends_with_the_plan(tmp_path: Path) -> None:
    payload = instance(1, 20, 5, timeout_ms=20_000)
    work = Work(payload=payload, image=None, tenant_id="t", settings=Settings(data_dir=tmp_path))
    *progress, outcome = plan_meals(work)
    assert isinstance(outcome, Outcome)
    assert outcome.output["status"] == "optimal"
    heard = [each.detail for each in progress if isinstance(each, SoFar) and each.detail]
    assert len(heard) == len(progress) > 0
    assert heard[-1]["objective"] == outcome.output["objective"]
    assert heard[-1]["gap"] == heard[-1]["bound"] - heard[-1]["objective"]
