"""TCP ports of this machine."""

import random
import socket

# Outside Ray's workers (10002 to 19999), Serve's replicas (from 30000) and Linux's ephemeral ports
# (ip_local_port_range, from 32768), which a connection may take between the choice and the use.
_CANDIDATES = range(20000, 30000)


def free_port() -> int:
    """Return a free loopback port outside the ranges from which ports are assigned."""
    while is_taken("127.0.0.1", port := random.choice(_CANDIDATES)):
        pass
    return port


def is_taken(host: str, port: int) -> bool:
    """Return whether the port is in use, or `host` is not an address of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
