"""A least-recently-used cache of vectors, keyed by the content of their text."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from sidecar.core.metrics import NULL_METER, Meter

Vectors = NDArray[np.float32]
#: Texts to unit vectors of shape (len(texts), dimension), in order.
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]

# Besides the vector an entry holds its key and bookkeeping; measured on CPython 3.11.
_ENTRY_OVERHEAD_BYTES: Final = 320


class VectorCache:
    """A bounded cache in front of an embedding function; for one event loop."""

    def __init__(
        self, embed: Embed, max_bytes: int, *, name: str = "", meter: Meter = NULL_METER
    ) -> None:
        """Create an empty cache.

        `max_bytes` bounds vectors and bookkeeping together; 0 caches nothing. `name` tags the
        metric sidecar_cache_lookups.
        """
        self._embed = embed
        self._name = name
        self._meter = meter
        self._vectors: LRUCache[bytes, Vectors] = LRUCache(max_bytes, getsizeof=_entry_bytes)

    def __len__(self) -> int:
        return len(self._vectors)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of `texts` (at least one), of shape (len(texts), dimension).

        A text that is not cached is embedded once, however often it occurs.
        """
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        vectors = [self._vectors.get(key) for key in keys]
        misses = [row for row, vector in enumerate(vectors) if vector is None]
        for outcome, count in (("hit", len(keys) - len(misses)), ("miss", len(misses))):
            self._meter.add("sidecar_cache_lookups", count, cache=self._name, outcome=outcome)
        if misses:
            missing = {keys[row]: texts[row] for row in misses}
            new = dict(zip(missing, await self._embed(list(missing.values())), strict=True))
            for key, vector in new.items():
                self._add(key, vector)
            for row in misses:
                vectors[row] = new[keys[row]]
        return np.array(vectors)

    def _add(self, key: bytes, vector: Vectors) -> None:
        if key not in self._vectors:  # otherwise a concurrent call was faster
            own = vector.copy()  # a view would keep its whole batch alive
            if _entry_bytes(own) <= self._vectors.maxsize:
                self._vectors[key] = own


def _entry_bytes(vector: Vectors) -> int:
    return vector.nbytes + _ENTRY_OVERHEAD_BYTES
