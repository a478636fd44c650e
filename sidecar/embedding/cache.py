"""Vectors by the content of their text, the least recently used dropped first."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.core.metrics import UNMETERED, Meter

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

    def __len__(self) -> int:
        return len(self._vectors)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`, at least one, of shape (len(texts), dimension).

        A text that is unknown is embedded once, however often it occurs.
        """
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        found = [self._recalled(key) for key in keys]
        rows = [row for row, vector in enumerate(found) if vector is None]
        for outcome, count in (("hit", len(keys) - len(rows)), ("miss", len(rows))):
            self._meter.add("sidecar_cache_lookups", count, cache=self._name, outcome=outcome)
        if rows:
            missing = {keys[row]: texts[row] for row in rows}
            new = dict(zip(missing, await self._embed(list(missing.values())), strict=True))
            for key, vector in new.items():
                self._remember(key, vector)
            for row in rows:
                found[row] = new[keys[row]]
        return np.array(found)

    def _recalled(self, key: bytes) -> Vectors | None:
        vector = self._vectors.get(key)
        if vector is not None:
            self._vectors.move_to_end(key)
        return vector

    def _remember(self, key: bytes, vector: Vectors) -> None:
        if key in self._vectors:  # another call was as fast
            return
        own = vector.copy()  # a view would keep its whole batch alive
        self._vectors[key] = own
        self._bytes += own.nbytes + _ENTRY_OVERHEAD_BYTES
        while self._bytes > self._max_bytes:
            _, dropped = self._vectors.popitem(last=False)
            self._bytes -= dropped.nbytes + _ENTRY_OVERHEAD_BYTES
