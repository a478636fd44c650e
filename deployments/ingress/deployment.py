"""The Ingress deployment: the HTTP surface in a Serve replica."""

from importlib.metadata import version

from fastapi import FastAPI
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.errors import Overloaded
from deployments.ingress.app import build_app
from deployments.ingress.parts import Parts
from deployments.logs import configure_logging
from deployments.settings import Settings
from jobs.artifacts import Artifacts
from jobs.blobs import BlobStore
from jobs.database import Database
from jobs.features import features
from jobs.queue import Queue, utc_now
from jobs.watch import JobWatch


@serve.deployment
@serve.ingress()
class Ingress:
    """Holds the connections that the routers use."""

    def __init__(self, settings: Settings, job_runner: DeploymentHandle) -> None:
        configure_logging(settings.log_level)
        self._settings = settings
        self._job_runner = job_runner
        self._database = Database(settings.resolved_database_url)

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Ray Serve calls this once, after the constructor."""
        database = self._database
        queue = Queue.configured(database, self._settings)
        return build_app(
            Parts(
                settings=self._settings,
                version=version("grocery-sidecar"),
                queue=queue,
                blobs=BlobStore(self._settings.blob_dir, database, utc_now),
                artifacts=Artifacts(database),
                watch=JobWatch(queue, poll_s=self._settings.poll_s / 2),
                features=features(self._settings),
                running_attempts=self._running_attempts,
            )
        )

    async def _running_attempts(self) -> int:
        try:
            running: int = await self._job_runner.running.remote()
        except (RayError, RayServeException) as error:
            raise Overloaded("The job runner does not answer.") from error
        return running

    async def __del__(self) -> None:
        await self._database.close()
