"""Reviews by several people at once, on both databases."""

import asyncio
from dataclasses import replace

from jobs.queue.claims import Claims
from jobs.queue.job import Review
from jobs.queue.queue import JobQueue
from jobs.queue.reviews import Reviews
from jobs.storage.database import Database
from jobs.storage.feedback import Feedback, FeedbackStore, Rating
from sidecar.core.errors import Conflict
from tests.unit.conftest import Clock
from tests.unit.jobs.queue.job_values import DONE, claim_one, new_job
from tests.unit.jobs.storage.test_feedback import new_feedback


async def reviewed_job(queue: JobQueue, claims: Claims) -> str:
    await queue.submit(new_job())
    claimed = await claim_one(claims)
    await claims.succeed(claimed, DONE)
    return claimed.id


def correction(clock: Clock, job_id: str) -> Feedback:
    return replace(new_feedback(clock), job_id=job_id, correction={"merchant": "Corner Shop"})


async def test_of_two_people_who_correct_at_once_one_is_told(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    reviews = Reviews(database, FeedbackStore(database))
    job_id = await reviewed_job(queue, claims)
    outcomes = await asyncio.gather(
        *(reviews.record(correction(clock, job_id), [], check_base=True) for _ in range(4)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict] * 3
    assert len(await reviews.corrections("t1", job_id)) == 1


async def test_a_confirmation_at_the_same_time_leaves_a_correction(
    database: Database, queue: JobQueue, claims: Claims, clock: Clock
) -> None:
    reviews = Reviews(database, FeedbackStore(database))
    job_id = await reviewed_job(queue, claims)
    confirmed = replace(new_feedback(clock), job_id=job_id, rating=Rating.THUMBS_UP)
    await asyncio.gather(
        reviews.record(correction(clock, job_id), []), reviews.record(confirmed, [])
    )
    assert (await queue.get("t1", job_id)).review is Review.CORRECTED
