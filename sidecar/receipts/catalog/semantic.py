"""Line items to the caller's catalog by meaning: what no likeness of letters finds.

The vectors are the embedder's, of unit length; so their dot product is the cosine.
"""

from collections.abc import Sequence

import numpy as np

from sidecar.embedding.cache import Vectors
from sidecar.receipts.models import Match

# With all-MiniLM-L6-v2, of 18 pairs of British and American names ("minced beef", "ground beef")
# these find 9 and mistake none; what is not in the catalog at all stays below 0.5.
_ALIKE = 0.52  # cosine below which two names are two things
_LEAD = 0.1  # how much nearer than the next item


def nearest(names: Vectors, catalog: Vectors, ids: Sequence[str]) -> tuple[Match | None, ...]:
    """For each name the item it means, or None when it is none or could be several.

    `names` and `catalog` have shape (texts, dimension). `ids` has the item of each row of
    `catalog`; an item may have several rows (its synonyms).
    """
    cosines = names @ catalog.T
    owners = np.array(ids, dtype=object)
    found: list[Match | None] = []
    for row in cosines:
        best = int(row.argmax())
        others = row[owners != owners[best]]
        rival = float(others.max()) if others.size else -1.0
        if row[best] < _ALIKE or row[best] - rival < _LEAD:
            found.append(None)
            continue
        confidence = round(min(1.0, float(row[best])), 3)
        found.append(Match(id=ids[best], confidence=confidence, strategy="semantic"))
    return tuple(found)
