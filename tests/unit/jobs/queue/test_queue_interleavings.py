"""A state machine test of the queue: in any interleaving of workers and callers, no job has two
owners and none is lost.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from jobs.queue.claims import Claims
from jobs.queue.job import FINAL, AttemptError, Job, JobResult, JobStatus, NewJob
from jobs.queue.queue import JobQueue
from jobs.storage.database import Database
from jobs.storage.schema import artifacts, attempts
from jobs.storage.schema import jobs as job_table
from sidecar.core.backoff import Backoff
from sidecar.core.errors import Conflict
from tests.unit.conftest import Clock, migrated

LEASE_S = 30.0
WORKERS = ["w1", "w2", "w3"]
MAX_ATTEMPTS = 3


@dataclass
class Model:
    """The expected state of one job."""

    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    max_attempts: int = MAX_ATTEMPTS
    token: str | None = None
    lease_until: float = 0.0
    results: int = 0
    tokens: set[str] = field(default_factory=set)


class QueueMachine(RuleBasedStateMachine):
    """Runs the real queue against a model of it."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.clock = Clock()
        self.elapsed = 0.0
        self.models: dict[str, Model] = {}
        self.claimed: list[Job] = []  # every claim so far, stale ones too

    def run(self, awaitable: Any) -> Any:
        return self.loop.run_until_complete(awaitable)

    @initialize()
    def open(self) -> None:
        self.database: Database = self.run(self.stack.enter_async_context(migrated(self.url)))
        self.queue = JobQueue(self.database, clock=self.clock)
        self.workers = [
            Claims(
                self.database,
                runner=name,
                lease=timedelta(seconds=LEASE_S),
                backoff=Backoff(base_s=1, cap_s=4, uniform=lambda low, high: high),
                clock=self.clock,
                monotonic=lambda: self.elapsed,
            )
            for name in WORKERS
        ]

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()

    def model_of(self, job: Job) -> Model:
        return self.models[job.id]

    def is_current(self, claimed: Job) -> bool:
        return self.model_of(claimed).token == claimed.attempt_token

    def end(self, model: Model, status: JobStatus) -> None:
        model.status, model.token = status, None

    @rule(seconds=st.sampled_from([0.5, 5.0, 20.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.elapsed += seconds

    @rule()
    def submit(self) -> None:
        self.time_passes(0.001)  # ids of one moment sort at random; a run must be repeatable
        new = NewJob(
            tenant_id="t",
            feature="f",
            input_payload={"n": len(self.models)},
            request_id="r",
            max_attempts=MAX_ATTEMPTS,
        )
        self.models[self.run(self.queue.submit(new)).id] = Model()

    @rule(worker=st.integers(0, len(WORKERS) - 1), limit=st.integers(1, 3))
    def claim(self, worker: int, limit: int) -> None:
        for job in self.run(self.workers[worker].claim(["f"], limit)):
            model = self.model_of(job)
            assert model.status is JobStatus.QUEUED, "claimed a job that is running or finished"
            model.status = JobStatus.RUNNING
            model.attempt += 1
            assert job.attempt == model.attempt
            assert job.attempt_token is not None
            assert job.attempt_token not in model.tokens, "a token was issued twice"
            model.tokens.add(job.attempt_token)
            model.token = job.attempt_token
            model.lease_until = self.elapsed + LEASE_S
            self.claimed.append(job)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.claimed))
        result = JobResult(output={"by": claimed.attempt}, model_id="m", model_version="1")
        current = self.is_current(claimed)
        assert self.run(self.workers[0].succeed(claimed, result)) == current
        if current:
            self.model_of(claimed).results += 1
            self.end(self.model_of(claimed), JobStatus.SUCCEEDED)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), retryable=st.booleans())
    def fail(self, data: st.DataObject, retryable: bool) -> None:
        claimed = data.draw(st.sampled_from(self.claimed))
        error = AttemptError(code="internal", message="x", retryable=retryable)
        current = self.is_current(claimed)
        assert (self.run(self.workers[0].fail(claimed, error)) is not None) == current
        if current:
            model = self.model_of(claimed)
            retry = retryable and claimed.attempt < claimed.max_attempts
            self.end(model, JobStatus.QUEUED if retry else JobStatus.FAILED)

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.claimed))
        self.run(self.workers[0].renew([claimed]))
        if self.is_current(claimed):
            self.model_of(claimed).lease_until = self.elapsed + LEASE_S

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.claimed))
        current = self.is_current(claimed)
        self.run(self.workers[0].release([claimed]))
        if current:
            self.model_of(claimed).max_attempts += 1
            self.end(self.model_of(claimed), JobStatus.QUEUED)

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[job_id]
        try:
            self.run(self.queue.cancel("t", job_id))
        except Conflict:
            assert model.status in FINAL
        else:
            assert model.status not in FINAL
            self.end(model, JobStatus.CANCELLED)

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.models)))
        model = self.models[job_id]
        retryable = model.status in (JobStatus.FAILED, JobStatus.CANCELLED)
        try:
            self.run(self.queue.retry("t", job_id, extra_attempts=2))
        except Conflict:
            assert not retryable
        else:
            assert retryable
            model.max_attempts = model.attempt + 2
            model.status = JobStatus.QUEUED

    @rule()
    def reclaim_expired(self) -> None:
        expired = [
            model
            for model in self.models.values()
            if model.status is JobStatus.RUNNING and model.lease_until < self.elapsed
        ]
        assert self.run(self.workers[0].reclaim_expired()) == len(expired)
        for model in expired:
            exhausted = model.attempt >= model.max_attempts
            self.end(model, JobStatus.FAILED if exhausted else JobStatus.QUEUED)

    @invariant()
    def the_rows_match_the_model(self) -> None:
        if not self.models:
            return
        rows, ended_attempts, results = self.run(self._rows())
        assert rows.keys() == self.models.keys(), "a job was lost"
        for job_id, model in self.models.items():
            row = rows[job_id]
            assert (row.status, row.attempt, row.max_attempts, row.attempt_token) == (
                model.status,
                model.attempt,
                model.max_attempts,
                model.token,
            )
            assert results.get(job_id, 0) == model.results <= 1
            open_attempts = model.attempt - ended_attempts.get(job_id, 0)
            assert open_attempts == (1 if model.status is JobStatus.RUNNING else 0)

    async def _rows(self) -> tuple[dict[str, Any], dict[str, int], dict[str, int]]:
        async with self.database.read() as connection:
            rows = {row.id: row for row in await connection.execute(select(job_table))}
            ended_attempts = await connection.execute(
                select(attempts.c.job_id, func.count(attempts.c.ended_at)).group_by(
                    attempts.c.job_id
                )
            )
            results = await connection.execute(
                select(artifacts.c.job_id, func.count())
                .where(artifacts.c.success)
                .group_by(artifacts.c.job_id)
            )
            return rows, dict(ended_attempts.all()), dict(results.all())  # type: ignore[arg-type]


def test_no_job_has_two_owners_and_none_is_lost(database_url: str) -> None:
    run_state_machine_as_test(
        lambda: QueueMachine(database_url),
        settings=settings(max_examples=40, stateful_step_count=40, deadline=None),
    )
