"""Who may call: whoever has one of the service's shared tokens, where it has any.

Programs send `Authorization: Bearer TOKEN` (RFC 6750). A browser asks its user, who gives the token
as the password of HTTP Basic (RFC 7617) under any name. A browser sends that along with whatever a
page asks it for, so with Basic only a page of this service may change anything.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Scope

from deployments.http.csrf import check_same_site
from sidecar.core.errors import Unauthorized

#: Whoever starts and watches the service asks these without a token. Readiness keeps its details
#: to itself then.
PUBLIC_PATHS = frozenset({"/health", "/health/live", "/health/ready"})

_SAFE_METHODS = ("GET", "HEAD")


class TokenAuthenticator:
    """The tokens that open the service; none: it is open."""

    def __init__(self, tokens: Sequence[SecretStr]) -> None:
        self._tokens = [token.get_secret_value().encode() for token in tokens]

    def authenticate(self, scope: Scope) -> bool:
        """Whether the caller is trusted, which on the OPEN paths need not be.

        Raises Unauthorized, and CrossSite for a change that another site's page asked a browser
        for.
        """
        if not self._tokens:
            return True
        headers = Headers(scope=scope)
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                trusted = self._holds(credentials.strip().encode())
            case "basic":
                trusted = self._holds(_password(credentials.strip()))
                if trusted and scope["method"] not in _SAFE_METHODS:
                    check_same_site(headers)
            case _:
                trusted = False
        if not trusted and scope["path"] not in PUBLIC_PATHS:
            raise Unauthorized
        return trusted

    def _holds(self, given: bytes) -> bool:
        """Compares with each token in constant time."""
        return any(hmac.compare_digest(given, token) for token in self._tokens)


def _password(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
