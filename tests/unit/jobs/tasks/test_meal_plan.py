from pathlib import Path

from bench.planner_instances import instance
from jobs.queue.job import JobResult, ProgressUpdate
from jobs.queue.job_context import JobContext
from jobs.tasks.meal_plan import plan_meals
from sidecar.core.settings import Settings


def test_a_job_reports_each_incumbent_and_ends_with_the_plan(tmp_path: Path) -> None:
    payload = instance(1, 20, 5, timeout_ms=20_000)
    context = JobContext(
        payload=payload, image=None, tenant_id="t", settings=Settings(data_dir=tmp_path)
    )
    *progress, result = plan_meals(context)
    assert isinstance(result, JobResult)
    assert result.output["status"] == "optimal"
    details = [
        update.detail for update in progress if isinstance(update, ProgressUpdate) and update.detail
    ]
    assert len(details) == len(progress) > 0
    assert details[-1]["objective"] == result.output["objective"]
    assert details[-1]["gap"] == details[-1]["bound"] - details[-1]["objective"]
