"""Checks the Host header, against DNS rebinding.

A page on another site can make its own name resolve to this machine's address. A browser then
counts this service as part of that site, so the page could read what the service answers and post
to it. The name is the attacker's, and has to be one that the public DNS resolves.
"""

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import URL

from sidecar.core.errors import WrongHost

#: Top-level domains that the public DNS doesn't have (RFC 6761, 6762, 8375, ICANN's "internal"),
#: and those of private networks that platforms make up.
_PRIVATE_DOMAINS: Final = (
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".test",
    ".lan",
    ".svc",
    ".flycast",
)


class HostChecker:
    """Accepts addresses, names of private networks and of this machine, and those of a setting."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        """Accept the names in `allowed` too; one with a dot in front stands for its subdomains."""
        names = [*allowed, socket.gethostname(), socket.getfqdn()]
        self._names = frozenset(name.casefold() for name in names if not name.startswith("."))
        self._suffixes = _PRIVATE_DOMAINS + tuple(
            name.casefold() for name in allowed if name.startswith(".")
        )

    def check(self, host: str | None) -> None:
        """Check a Host header; a request without one comes from no browser.

        Raises:
            WrongHost: for a name that the public DNS may resolve.
        """
        if host is None or not self._is_foreign(host):
            return
        raise WrongHost

    def _is_foreign(self, host: str) -> bool:
        try:
            name = (URL(f"http://{host}/").hostname or "").rstrip(".").casefold()
        except ValueError:
            return True
        if "." not in name and ":" not in name:
            return False  # a single label: localhost, or a container's name
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name not in self._names and not name.endswith(self._suffixes)
        return False
