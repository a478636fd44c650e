"""The JobRunner deployment: the loop of jobs.queue.worker in a replica, attempts as Ray tasks."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from functools import partial
from math import ceil
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayError, RayTaskError, TaskCancelledError
from ray.serve.handle import DeploymentHandle

from deployments.serving.clients import served_models
from deployments.serving.metrics import RayMeter
from jobs.maintenance.queue_metrics import record_gauges
from jobs.maintenance.retention import Retention
from jobs.queue.admin_queries import Board
from jobs.queue.claims import Claims
from jobs.queue.job import Outcome, Progress
from jobs.queue.job_context import Work
from jobs.queue.queue import utc_now
from jobs.queue.webhooks import Outbox
from jobs.queue.worker import Attempt, Runner
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from jobs.storage.feedback import FeedbackStore
from jobs.storage.migrations import migrate
from jobs.tasks.ray_tasks import attempt, warm_up
from jobs.tasks.registry import AskModels, Feature, features
from sidecar.core.errors import DatabaseUnavailable, ServiceError, WorkerLost
from sidecar.core.logging import configure_logging
from sidecar.core.settings import Settings

log = logging.getLogger(__name__)

#: Seconds between two looks at what Prometheus is told of the queue.
_GAUGES_S = 5.0


class AskedAttempt:
    """An attempt that only asks other deployments, from this process."""

    def __init__(self, events: AsyncIterator[Progress | Outcome]) -> None:
        self._events = events

    async def __aiter__(self) -> AsyncIterator[Progress | Outcome]:
        yield 0.0
        async for event in self._events:
            yield event

    def kill(self) -> None:
        """The call under way ends with whoever awaits it."""


class RayAttempt:
    """An attempt that runs as a Ray task, anywhere in the cluster."""

    def __init__(self, feature: Feature, work: Work) -> None:
        assert not isinstance(feature.work, AskModels)
        task = attempt.options(num_cpus=feature.cpus, name=feature.name)
        self._events: Any = task.remote(feature.name, feature.work, work)
        self._over = False

    async def __aiter__(self) -> AsyncIterator[Progress | Outcome]:
        try:
            async for reference in self._events:
                event = await reference
                if isinstance(event, WorkerLost):
                    raise event
                self._over = isinstance(event, Outcome)
                yield event
        except TaskCancelledError as error:
            raise WorkerLost("The work was stopped from outside.") from error
        except RayTaskError as error:
            if isinstance(error.cause, ServiceError):
                raise error.cause from None
            raise
        except RayError as error:
            raise WorkerLost from error

    def kill(self) -> None:
        """Kills the worker process: a thread deep in native code heeds nothing less. Not when the
        work is done, for then another attempt may be in that process already.
        """
        if not self._over:
            ray.cancel(self._events, force=True)


def warm_workers(known: Iterable[Feature], settings: Settings) -> None:
    """Has worker processes load what the first jobs would else wait for; waits for none."""
    for feature in known:
        if feature.warm_up is not None:
            task = warm_up.options(num_cpus=feature.cpus)
            for _ in range(settings.warm_workers):
                task.remote(feature.warm_up, settings)


def slots_of_replica(settings: Settings) -> int:
    """This replica's share of the jobs that run at once."""
    all_slots = settings.running_jobs or int(ray.cluster_resources().get("CPU", 1))
    return ceil(all_slots / serve.get_replica_context().world_size)


@serve.deployment
class JobRunner:
    """Owns the Ray tasks of the jobs that it claims: Ray ends tasks whose owner dies."""

    # Asynchronous, so that it runs on the event loop that the job loop is to live on.
    async def __init__(  # type: ignore[misc]
        self, settings: Settings, embedder: DeploymentHandle, classifier: DeploymentHandle
    ) -> None:
        configure_logging(settings.log_level)
        self._database = Database(settings.resolved_database_url)
        models = served_models(
            settings,
            embedder=embedder,
            classifier=classifier,
            feedback=FeedbackStore(self._database),
        )

        def launch(feature: Feature, work: Work) -> Attempt:
            if isinstance(feature.work, AskModels):
                return AskedAttempt(feature.work.ask(work, models))
            return RayAttempt(feature, work)

        name = f"{socket.gethostname()}:{serve.get_replica_context().replica_id.unique_id}"
        blobs = BlobStore(settings.blob_dir, self._database, utc_now)
        meter = RayMeter()
        known = features(settings)
        self._runner = Runner(
            claims=Claims.configured(self._database, settings, runner=name),
            blobs=blobs,
            features=known,
            launch=launch,
            models=models,
            slots=partial(slots_of_replica, settings),
            settings=settings,
            meter=meter,
        )
        self._warm_up = partial(warm_workers, known.values(), settings)
        self._look = partial(
            record_gauges,
            meter,
            board=Board(self._database),
            blobs=blobs,
            features=list(known),
            clock=utc_now,
        )
        self._retention = Retention.configured(self._database, blobs, settings, holder=name)
        self._outbox = Outbox.configured(self._database, settings)
        self._loop = asyncio.create_task(self._run())

    async def _run(self) -> None:
        # The one place that changes the schema. Until it has, every other part answers that the
        # database is unavailable.
        while True:
            try:
                await migrate(self._database)
            except DatabaseUnavailable:
                await asyncio.sleep(1)
            else:
                break
        self._warm_up()
        chores = [
            asyncio.create_task(chore)
            for chore in (self._retention.run(), self._outbox.run(), self._keep_looking())
        ]
        try:
            await self._runner.run()
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)

    async def _keep_looking(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_GAUGES_S)

    async def running(self) -> int:
        """How many attempts are under way."""
        return self._runner.running

    async def wake(self) -> None:
        """Has the queue looked at now."""
        self._runner.wake()

    async def check_health(self) -> None:
        """Raises when the loop has died, so that Serve replaces the replica."""
        if self._loop.done():
            self._loop.result()
            raise RuntimeError("the job loop has ended")

    async def __del__(self) -> None:
        await self._runner.stop()
        await self._loop
        await self._database.close()
