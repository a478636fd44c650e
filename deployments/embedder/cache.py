"""Vectors by the content of their text, the least recently used dropped first."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deployments.metrics import UNMETERED, Meter

Vectors = NDArray[np.float32]
#: Texts to unit vectors of shape (len(texts), dimension), in order.
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]

# Besides the vector an entry holds its key and bookkeeping; measured on CPython 3.11.
_ENTRY_OVERHEAD_BYTES: Final = 320


class VectorCache:
    """A bounded cache in front of an embedding function; for one event loop."""

    def __init__(
        self, embed: Embed, max_bytes: int, *, name: str = "", meter: Meter = UNMETERED
    ) -> None:
        """`max_bytes` bounds vectors and bookkeeping together; 0 keeps nothing. `name` is what the
        meter calls it.
        """
        self._name = name
        self._meter = meter
        self._embed = embed
        self._max_bytes = max_bytes
        self._bytes = 0
        self._vectors: OrderedDict[bytes, Vectors] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._vectors)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`, at least one, of shape (len(texts), dimension).

        A text that is unknown is embedded once, however often it occurs.
        """
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        found = {key: vector for key in keys if (vector := self._vectors.get(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        hits = sum(key in found for key in keys)
        self.hits += hits
        self.misses += len(keys) - hits
        for outcome, count in (("hit", hits), ("miss", len(keys) - hits)):
            self._meter.add("sidecar_cache_lookups", count, cache=self._name, outcome=outcome)
        if missing:
            new = await self._embed(list(missing.values()))
            found.update(zip(missing, new, strict=True))
        for key in keys:
            self._remember(key, found[key])
        return np.stack([found[key] for key in keys])

    def _remember(self, key: bytes, vector: Vectors) -> None:
        if key in self._vectors:
            self._vectors.move_to_end(key)
            return
        own = vector.copy()  # a view would keep its whole batch alive
        self._vectors[key] = own
        self._bytes += own.nbytes + _ENTRY_OVERHEAD_BYTES
        while self._bytes > self._max_bytes:
            _, dropped = self._vectors.popitem(last=False)
            self._bytes -= dropped.nbytes + _ENTRY_OVERHEAD_BYTES
