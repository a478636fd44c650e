"""The state of the cluster as values, without Ray: status.py reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DeploymentState:
    """One deployment."""

    name: str
    status: str  # HEALTHY, UPDATING, UNHEALTHY …
    message: str
    replicas: Mapping[str, int]  # by state: RUNNING, STARTING …


@dataclass(frozen=True, kw_only=True)
class ResourceUsage:
    """How much of a resource is claimed."""

    used: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The deployments, and the resources of the machines they run on."""

    deployments: Sequence[DeploymentState]
    cpus: ResourceUsage
    gpus: ResourceUsage
