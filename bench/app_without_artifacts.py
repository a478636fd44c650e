"""The service without artifacts, which bench.artifact_overhead compares with the real one."""

from typing import Any

from fastapi import FastAPI
from ray.serve import Application

from deployments import app
from deployments.ingress.deployment import Ingress
from jobs.storage.artifacts import Artifact, Artifacts
from sidecar.core.settings import Settings

_Ingress: Any = Ingress.func_or_class


class IngressWithoutArtifacts(_Ingress):  # type: ignore[misc]
    """An ingress whose replica drops all artifacts."""

    def __serve_build_asgi_app__(self) -> FastAPI:
        async def drop(self: Artifacts, artifact: Artifact) -> None:
            pass

        Artifacts.add = drop  # type: ignore[method-assign]
        built: FastAPI = super().__serve_build_asgi_app__()
        return built


def build(settings: Settings) -> Application:
    """Build the graph of deployments.app:build with this ingress."""
    app.Ingress = Ingress.options(func_or_class=IngressWithoutArtifacts, name="Ingress")  # type: ignore[misc]
    return app.build(settings)
