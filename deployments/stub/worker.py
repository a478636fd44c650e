"""Finishes the stub's jobs as soon as they are queued."""

import asyncio
from collections.abc import Mapping
from typing import Final

from deployments.stub.faults import NO_FAULT, Fault, current_fault
from deployments.stub.models import MODEL, VERSION, canned_plan
from deployments.stub.receipt import canned_receipt, unreadable_receipt
from deployments.stub.recipe import canned_recipe
from jobs.queue.claims import Claims
from jobs.queue.job import AttemptError, Job, JobResult, NewJob
from jobs.queue.job_context import JobContext
from jobs.queue.job_type import InProcessWork, JobType
from jobs.queue.queue import JobQueue
from jobs.tasks.registry import RECEIPT_EXTRACTION, RECIPE_EXTRACTION
from sidecar.core.settings import Settings
from sidecar.planning.schemas import PlanRequest
from sidecar.receipts.money_forms import with_default_currency

_BATCH: Final = 32

#: The fault that a submission asked for, by its tenant and request id.
Faults = dict[tuple[str, str], Fault]


class FaultyQueue(JobQueue):
    """A queue that remembers the fault of each submission."""

    faults: Faults

    async def submit(self, new: NewJob) -> Job:
        """See JobQueue.submit."""
        fault = current_fault.get()
        if fault != NO_FAULT:
            self.faults[new.tenant_id, new.request_id] = fault
        return await super().submit(new)


class StubWorker:
    """Claims jobs and finishes them with canned results."""

    def __init__(
        self,
        claims: Claims,
        job_types: Mapping[str, JobType],
        settings: Settings,
        faults: Faults,
    ) -> None:
        self._claims = claims
        self._job_types = job_types
        self._settings = settings
        self._faults = faults
        self._queued = asyncio.Event()

    def notify(self) -> None:
        """Wake up: a job was queued."""
        self._queued.set()

    async def run(self) -> None:
        """Finish jobs until cancelled."""
        while True:
            self._queued.clear()
            while claimed := await self._claims.claim(list(self._job_types), _BATCH):
                for job in claimed:
                    await self._finish(job)
            await self._queued.wait()

    async def _finish(self, job: Job) -> None:
        fault = self._faults.pop((job.tenant_id, job.request_id), NO_FAULT)
        if fault.job_error is not None:
            kind = fault.job_error
            message = f"The stub was asked for {kind.code}."
            await self._claims.fail(
                job, AttemptError(code=kind.code, message=message, retryable=False)
            )
        else:
            await self._claims.succeed(job, await self._result(job, fault))

    async def _result(self, job: Job, fault: Fault) -> JobResult:
        work = self._job_types[job.feature].run
        if isinstance(work, InProcessWork):
            context = JobContext(
                tenant_id=job.tenant_id,
                payload=job.input_payload,
                image=None,
                settings=self._settings,
            )
            async for event in work.run(context):
                if isinstance(event, JobResult):
                    return event
            raise RuntimeError("work ended without a result")
        if job.feature == RECEIPT_EXTRACTION:
            receipt = unreadable_receipt() if fault.unreadable else canned_receipt()
            output = with_default_currency(receipt.flat(), None)
        elif job.feature == RECIPE_EXTRACTION:
            output = canned_recipe(job.input_payload)
        else:
            output = canned_plan(PlanRequest.model_validate(job.input_payload)).wire()
        return JobResult(output=output, model_id=MODEL, model_version=VERSION)
