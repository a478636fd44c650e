"""What Ray Serve says of its deployments and of the machines, as values."""

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
class Share:
    """How much of a resource is claimed."""

    used: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The deployments, and what the machines offer to them."""

    deployments: Sequence[DeploymentState]
    cpus: Share
    gpus: Share
