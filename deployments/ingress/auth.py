"""Authentication by a shared token, for services that have one.

Programs send `Authorization: Bearer TOKEN` (RFC 6750), or `X-API-Key: TOKEN` as Anthropic's clients
do: a header that no other site's page can make a browser send unasked. Browsers send the token as
the password of HTTP Basic (RFC 7617) with any user name. A browser attaches that password to
requests from any site's page, so with Basic only this service's own pages may change anything.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import Scope

from deployments.http.csrf import SAFE_METHODS, check_same_site
from sidecar.core.errors import Unauthorized

#: Health checks need no token; readiness then omits its details.
PUBLIC_PATHS = frozenset({"/health", "/health/live", "/health/ready"})


class TokenAuthenticator:
    """Checks requests against the service's tokens; without any, it trusts every caller."""

    def __init__(self, tokens: Sequence[SecretStr]) -> None:
        self._tokens = [token.get_secret_value().encode() for token in tokens]

    def authenticate(self, scope: Scope) -> bool:
        """Return whether the caller is trusted; False is possible on PUBLIC_PATHS only.

        Raises:
            Unauthorized: when an untrusted caller requests any other path.
            CrossSite: when another site's page made a browser send a change.
        """
        if not self._tokens:
            return True
        headers = Headers(scope=scope)
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        match scheme.lower():
            case "bearer":
                trusted = self._is_token(credentials.strip().encode())
            case "basic":
                trusted = self._is_token(_password(credentials.strip()))
                if trusted and scope["method"] not in SAFE_METHODS:
                    check_same_site(headers)
            case "":
                trusted = self._is_token(headers.get("x-api-key", "").strip().encode())
            case _:
                trusted = False
        if not trusted and scope["path"] not in PUBLIC_PATHS:
            raise Unauthorized
        return trusted

    def _is_token(self, candidate: bytes) -> bool:
        # Each comparison takes constant time.
        return any(hmac.compare_digest(candidate, token) for token in self._tokens)


def _password(credentials: str) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
