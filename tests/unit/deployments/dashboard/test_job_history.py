from deployments.dashboard.job_history import FinishedJobsWindow
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, JobResult, JobStatus, NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from tests.unit.conftest import Clock

DAMAGED = AttemptError(code="invalid_image", message="damaged", retryable=False)
DONE = JobResult(output={}, model_id="m", model_version="1")


async def finish_one(queue: JobQueue, claims: Claims, clock: Clock, *, success: bool) -> None:
    """Submit a job that waits for three seconds and then ends."""
    await queue.submit(NewJob(tenant_id="t1", feature="a", input_payload={}, request_id="r"))
    clock.advance(3)
    [claimed] = await claims.claim(["a"], 1)
    await (claims.succeed(claimed, DONE) if success else claims.fail(claimed, DAMAGED))


async def test_the_window_of_finished_jobs_gains_new_ones_and_drops_those_over_a_day_old(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    window = FinishedJobsWindow(AdminQueries(database), clock)
    assert len(await window.refresh()) == 0
    await finish_one(queue, claims, clock, success=True)
    finished = await window.refresh()
    assert (len(finished), finished.latency[0], finished.wait[0]) == (1, 3.0, 3.0)
    clock.advance(3600)
    await finish_one(queue, claims, clock, success=False)
    finished = await window.refresh()
    assert len(finished) == len(await window.refresh()) == 2
    assert sorted(finished.has(JobStatus.FAILED).tolist()) == [False, True]  # in no order
    clock.advance(23 * 3600 + 10)
    assert (await window.refresh()).has(JobStatus.FAILED).tolist() == [True]
