"""The metrics of every node of the cluster, as Prometheus reads them."""

import httpx
import ray
from ray.exceptions import RayError

from sidecar.core.errors import ModelUnavailable

_TIMEOUT_S = 5.0


def read_metrics() -> str:
    """Return the nodes' metrics in Prometheus' text format, one after the other.

    Raises:
        ModelUnavailable: when Ray or a node doesn't respond.
    """
    try:
        addresses = [
            f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ]
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            return "\n".join(client.get(url).raise_for_status().text for url in addresses)
    except (RayError, httpx.HTTPError) as error:
        raise ModelUnavailable("The metrics can't be read.", retry_after_s=30) from error
