from jobs.storage.database import Database
from jobs.tasks.embedding import embed_texts
from tests.unit.jobs.fake_models import model_clients
from tests.unit.jobs.tasks.events import collect, job_context


async def test_a_job_reports_progress_and_keeps_the_order(database: Database) -> None:
    texts = [{"id": number, "text": "x" * (number + 1)} for number in range(5)]
    payload = {"request_id": "r", "texts": texts, "batch_size": 2}
    progress, result = await collect(embed_texts(model_clients(database), job_context(payload)))
    assert progress == [0.4, 0.8, 1.0]
    vectors = [embedding["vector"].tolist() for embedding in result.output["embeddings"]]
    assert vectors == [[number + 1.0, 1.0] for number in range(5)]
    assert (result.model_id, result.output["dimension"]) == ("lengths", 2)
