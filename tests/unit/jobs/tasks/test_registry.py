from pathlib import Path

from bench.planner_instances import instance
from jobs.queue.job import JobResult, ProgressUpdate
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import JobType
from jobs.storage.database import Database
from jobs.tasks.meal_plan import plan_meals
from jobs.tasks.registry import job_types
from sidecar.core.errors import ModelUnavailable
from sidecar.core.settings import PlannerSettings, Settings
from tests.unit.jobs.served_models import models
from tests.unit.sidecar.llm.echo_engine import EchoEngine
from tests.unit.sidecar.planning.requests import ingredient, recipe, request


def test_a_plan_as_a_job_tells_what_it_has_so_far_and_ends_with_the_plan(tmp_path: Path) -> None:
    payload = instance(1, 20, 5, timeout_ms=20_000)
    work = JobContext(
        payload=payload, image=None, tenant_id="t", settings=Settings(data_dir=tmp_path)
    )
    *progress, outcome = plan_meals(work)
    assert isinstance(outcome, JobResult)
    assert outcome.output["status"] == "optimal"
    heard = [each.detail for each in progress if isinstance(each, ProgressUpdate) and each.detail]
    assert len(heard) == len(progress) > 0
    assert heard[-1]["objective"] == outcome.output["objective"]
    assert heard[-1]["gap"] == heard[-1]["bound"] - heard[-1]["objective"]


async def test_a_plan_in_prose_says_what_the_engine_says_or_nothing_more(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, planner=PlannerSettings(summary=True))

    def plans(engine: EchoEngine) -> JobType:
        return job_types(settings, models(database, engine=engine))["meal_optimization"]

    work = JobContext(
        tenant_id="t1",
        payload=request([recipe("curry", ingredient("rice", 100))], days=1),
        image=None,
        settings=Settings(data_dir=tmp_path),
    )
    talking = plans(EchoEngine(says='{"summary": "An easy dinner."}'))
    *_, outcome = talking.run(work)
    assert talking.complete is not None
    told = await talking.complete(work, outcome)
    assert told.output == {**outcome.output, "summary": "An easy dinner."}
    silent = plans(EchoEngine(fails_with=ModelUnavailable()))
    assert silent.complete is not None
    assert await silent.complete(work, outcome) == outcome
