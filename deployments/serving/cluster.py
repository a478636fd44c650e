"""The cluster's state as values independent of Ray; status.py reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    name: str
    status: str  # HEALTHY, UPDATING, UNHEALTHY …
    message: str
    replicas: Mapping[str, int]  # by state: RUNNING, STARTING …


@dataclass(frozen=True, kw_only=True)
class ResourceUsage:
    """The claimed and the total amount of a resource."""

    used: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The deployments, and the resources of their nodes."""

    deployments: Sequence[DeploymentState]
    cpus: ResourceUsage
    gpus: ResourceUsage
