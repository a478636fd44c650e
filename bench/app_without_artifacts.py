"""The service without records of its answers, for bench.artifact_overhead to compare with."""

from typing import Any

from fastapi import FastAPI
from ray.serve import Application

from deployments import app
from deployments.ingress.deployment import Ingress
from jobs.storage.artifacts import Artifact, Artifacts
from sidecar.core.settings import Settings

_Ingress: Any = Ingress.func_or_class


class Unrecorded(_Ingress):  # type: ignore[misc]
    """The ingress, in a replica in which artifacts are let go."""

    def __serve_build_asgi_app__(self) -> FastAPI:
        async def nothing(self: Artifacts, artifact: Artifact) -> None:
            pass

        Artifacts.add = nothing  # type: ignore[method-assign]
        built: FastAPI = super().__serve_build_asgi_app__()
        return built


def build(settings: Settings) -> Application:
    """As deployments.app:build."""
    app.Ingress = Ingress.options(func_or_class=Unrecorded, name="Ingress")  # type: ignore[misc]
    return app.build(settings)
