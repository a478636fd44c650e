from jobs.storage.database import Database
from jobs.storage.feedback import Correction, FeedbackStore
from jobs.tasks.categorization import categorize_items
from sidecar.receipts.corrections.kinds import CorrectionKind
from tests.unit.conftest import Clock
from tests.unit.jobs.fake_models import model_clients
from tests.unit.jobs.storage.test_feedback import new_feedback
from tests.unit.jobs.tasks.events import collect, job_context

LABELS = ["Milk", "Bread"]


async def test_a_job_reports_progress_and_keeps_the_order(database: Database) -> None:
    items = [{"id": number, "name": "bm"[number % 2] * 3} for number in range(250)]
    context = job_context({"items": items, "candidate_labels": LABELS})
    progress, result = await collect(categorize_items(model_clients(database), context))
    assert progress == [0.4, 0.8, 1.0]
    categories = [prediction["predicted_category"] for prediction in result.output["predictions"]]
    assert categories == ["Bread", "Milk"] * 125
    assert result.model_id == "lengths"


async def test_a_correction_comes_before_the_classifier(database: Database, clock: Clock) -> None:
    correction = Correction(kind=CorrectionKind.CATEGORY, key="bun", name="bun", value="Milk")
    await FeedbackStore(database).add(new_feedback(clock), [correction])
    context = job_context({"items": [{"id": 1, "name": "Buns"}], "candidate_labels": LABELS})
    for classifier in (True, False):
        models = model_clients(database, classifier=classifier)
        _, result = await collect(categorize_items(models, context))
        [prediction] = result.output["predictions"]
        assert (prediction["predicted_category"], prediction["source"]) == ("Milk", "correction")
        assert result.model_id == "corrections"
