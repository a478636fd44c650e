"""Reviews: what people say of results, stored with the job's new review in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, update

from jobs.queue.job import Job, JobStatus, Review
from jobs.queue.transitions import JOB_COLUMNS, emit_events, job_from_row
from jobs.storage.database import Database
from jobs.storage.feedback import Correction, Feedback, FeedbackStore, Rating, feedback_from_row
from jobs.storage.schema import feedback as feedback_table
from jobs.storage.schema import jobs
from sidecar.core.errors import Conflict
from sidecar.receipts.corrections.reviewed import reviewed_reading

#: Corrections of one job that are read.
_MAX_CORRECTIONS = 500


class Reviews:
    """The feedback on jobs in one database, and the review of each job."""

    def __init__(self, database: Database, feedback: FeedbackStore) -> None:
        self._database = database
        self._feedback = feedback

    async def record(
        self,
        feedback: Feedback,
        corrections: Sequence[Correction],
        *,
        based_on: str | None = None,
        check_base: bool = False,
    ) -> None:
        """Store feedback with its corrections, and the job's new review; durable when this returns.

        With `check_base`, `based_on` is the newest correction of the job that its author saw.
        Raises Conflict when there is a newer one.
        """

        def work(connection: Connection) -> None:
            before = _locked_job(connection, feedback)
            if check_base and before is not None:
                _check_base(connection, feedback, based_on)
            self._feedback.insert(connection, feedback, corrections)
            if before is not None and before.status is JobStatus.SUCCEEDED:
                _review(connection, before, feedback)

        await self._database.write(work)

    async def corrections(self, tenant_id: str, job_id: str) -> Sequence[Feedback]:
        """Return the feedback with corrections on a job, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                _corrections_of(tenant_id, job_id).limit(_MAX_CORRECTIONS)
            )
            return [feedback_from_row(row) for row in reversed(rows.all())]


def reviewed_output(
    output: Mapping[str, Any], corrections: Sequence[Feedback]
) -> Mapping[str, Any]:
    """Return a receipt's output with the corrections of it, oldest first."""
    of_receipt = [
        entry.correction
        for entry in corrections
        if entry.correction is not None and "item_name" not in entry.correction
    ]
    return reviewed_reading(output, of_receipt)


def _corrections_of(tenant_id: str, job_id: str) -> Select[Any]:
    """Select the feedback with corrections on a job, newest first."""
    return (
        select(feedback_table)
        .where(
            feedback_table.c.tenant_id == tenant_id,
            feedback_table.c.job_id == job_id,
            feedback_table.c.correction.is_not(None),
        )
        .order_by(feedback_table.c.id.desc())
    )


def _locked_job(connection: Connection, feedback: Feedback) -> Job | None:
    """Return the job that the feedback is on; None without one.

    Its row is locked, so that people who review it at once see each other's reviews.
    """
    if feedback.job_id is None:
        return None
    row = connection.execute(
        select(*JOB_COLUMNS)
        .where(jobs.c.tenant_id == feedback.tenant_id, jobs.c.id == feedback.job_id)
        .with_for_update()
    ).one_or_none()
    return None if row is None else job_from_row(row)


def _check_base(connection: Connection, feedback: Feedback, based_on: str | None) -> None:
    newest = connection.execute(
        _corrections_of(feedback.tenant_id, feedback.job_id or "").limit(1)
    ).one_or_none()
    if newest is not None and newest.id != based_on:
        who = newest.user_id or "somebody else"
        raise Conflict(
            f"Meanwhile {who} corrected this result ({newest.id}). Look at that correction first."
        )


def _named(feedback: Feedback) -> Mapping[str, str]:
    """Return the column with the merchant, if that was corrected."""
    merchant = (feedback.correction or {}).get("merchant")
    return {"merchant": merchant.casefold()[:200]} if merchant else {}


def _review(connection: Connection, job: Job, feedback: Feedback) -> None:
    """Set a succeeded job's review, with its event and its webhook."""
    if feedback.correction is not None:
        review = Review.CORRECTED
    elif feedback.rating is Rating.THUMBS_DOWN:
        review = Review.PENDING
    else:  # a correction that somebody confirms stays one
        review = Review.CORRECTED if job.review is Review.CORRECTED else Review.CONFIRMED
    if review is job.review and review is Review.PENDING:
        return
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job.id)
        .values(review=review, version=jobs.c.version + 1, **_named(feedback))
        .returning(*JOB_COLUMNS)
    ).one()
    emit_events(connection, [job_from_row(changed)], feedback.created_at, review)
