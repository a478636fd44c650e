"""The status of Ray Serve's applications and of the cluster."""

from collections.abc import Mapping
from threading import Condition

import ray
from cachetools import TTLCache, cached
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ServeStatus

from deployments.serving.cluster import Cluster, DeploymentState, ResourceUsage
from sidecar.core.errors import ModelUnavailable


@cached(TTLCache(maxsize=1, ttl=1.0), condition=Condition())
def serve_status() -> ServeStatus:
    """Return the status of every Serve application, cached for a second.

    Only one thread calls the controller at a time, because it fails on concurrent calls. A call
    costs both processes 50 ms of CPU time.

    Raises:
        RayError: when Ray does not respond.
        RayServeException: when Serve is not running.
    """
    return serve.status()


def cluster_status() -> Cluster:
    """Return the cluster's current state. Raises ModelUnavailable when Ray does not respond."""
    try:
        status = serve_status()
        total, free = ray.cluster_resources(), ray.available_resources()
    except (RayError, RayServeException) as error:
        raise ModelUnavailable("Ray Serve does not answer.", retry_after_s=5) from error
    return Cluster(
        deployments=[
            DeploymentState(
                name=name,
                status=state.status.value,
                message=state.message,
                replicas={str(phase): count for phase, count in state.replica_states.items()},
            )
            for application in status.applications.values()
            for name, state in application.deployments.items()
        ],
        cpus=_usage("CPU", total, free),
        gpus=_usage("GPU", total, free),
    )


def _usage(name: str, total: Mapping[str, float], free: Mapping[str, float]) -> ResourceUsage:
    amount = total.get(name, 0.0)
    return ResourceUsage(used=amount - free.get(name, 0.0), total=amount)
