"""Salts that keep the engine's prefix cache apart by tenant.

vLLM answers a prompt faster when its beginning was asked before, so whoever could share another
tenant's cache would learn by timing what that tenant asked. A request's `cache_salt` is part of
the cache's keys: only requests with the same salt share it.
"""

import secrets
from collections import OrderedDict

_MAX_TENANTS = 10_000
_SALT_BYTES = 16


class CacheSalts:
    """The salt of each tenant of one engine, random and in memory only, as the cache itself is."""

    def __init__(self, max_tenants: int = _MAX_TENANTS) -> None:
        self._max_tenants = max_tenants
        self._salts: OrderedDict[str | None, str] = OrderedDict()

    def salt(self, tenant_id: str | None) -> str:
        """Return the tenant's salt; None is the service's own prompts.

        A tenant that was not heard of for `max_tenants` others gets a new one, and so an empty
        cache.
        """
        salt = self._salts.setdefault(tenant_id, secrets.token_urlsafe(_SALT_BYTES))
        self._salts.move_to_end(tenant_id)
        if len(self._salts) > self._max_tenants:
            self._salts.popitem(last=False)
        return salt

    def forget(self, tenant_id: str) -> None:
        """Give the tenant a new salt, so that nothing reaches what is cached of it."""
        self._salts.pop(tenant_id, None)
