from pathlib import Path

from jobs.queue.job_context import JobContext
from jobs.queue.job_type import JobType
from jobs.storage.database import Database
from jobs.tasks.registry import job_types
from sidecar.core.errors import ModelUnavailable
from sidecar.core.setting_groups import PlannerSettings
from sidecar.core.settings import Settings
from tests.unit.jobs.fake_models import model_clients
from tests.unit.sidecar.llm.echo_engine import EchoEngine
from tests.unit.sidecar.planning.requests import ingredient, recipe, request


async def test_a_plan_has_the_engines_summary_when_the_engine_is_available(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, planner=PlannerSettings(summary=True))

    def meal_optimization(engine: EchoEngine) -> JobType:
        return job_types(settings, model_clients(database, engine=engine))["meal_optimization"]

    context = JobContext(
        tenant_id="t1",
        payload=request([recipe("curry", ingredient("rice", 100))], days=1),
        image=None,
        settings=Settings(data_dir=tmp_path),
    )
    with_engine = meal_optimization(EchoEngine(reply='{"summary": "An easy dinner."}'))
    *_, result = with_engine.run(context)
    assert with_engine.complete is not None
    completed = await with_engine.complete(context, result)
    assert completed.output == {**result.output, "summary": "An easy dinner."}
    without_engine = meal_optimization(EchoEngine(fails_with=ModelUnavailable()))
    assert without_engine.complete is not None
    assert await without_engine.complete(context, result) == result
