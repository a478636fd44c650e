"""TCP ports of this machine."""

import random
import socket

# Below where Linux takes the near ends of outgoing connections from (ip_local_port_range, from
# 32768): a port in there may be taken between its choice and its use. Above Ray's workers (from
# 10002 to 19999), below Serve's replicas (from 30000).
_CHOICE = range(20000, 30000)


def free_port() -> int:
    """A port on loopback that nothing listens at, and that nobody is given by chance."""
    while is_taken("127.0.0.1", port := random.choice(_CHOICE)):
        pass
    return port


def is_taken(host: str, port: int) -> bool:
    """Whether nothing new can listen there, or `host` is no address of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
