"""A linear model over character n-grams: names in any language to sub-categories.

Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016): the mean of the hashed
n-grams' vectors, then a softmax. It knows inflected and compound words by their parts, abbreviated
and misspelled ones by what is left of them, and takes a tenth of a millisecond.
"""

import itertools
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.text.folding import words

BUCKETS: Final = 2**16
_SHORTEST, _LONGEST = 3, 5  # letters of an n-gram; a word's start and end count as one each
_IDEOGRAPHS: Final = "\u3040"  # scripts from here on have words of one or two characters
_MAX_WORDS: Final = 16
#: Latin, Greek, Cyrillic, kana and ideographs.
_KNOWN_SCRIPT: Final = re.compile("[\0-\u024f\u0370-\u052f\u1e00-\u1fff\u2e80-\ua4cf\uf900-\ufaff]")

Floats = NDArray[np.float32]


def features(name: str) -> list[int]:
    """Return the buckets of the name's words, pairs of words and n-grams; none of words in scripts
    that no language of the taxonomy has: their buckets would be those of other words.
    """
    known = [word for word in words(name) if _KNOWN_SCRIPT.match(word)]
    return [zlib.crc32(feature.encode()) % BUCKETS for feature in _features(known)]


def _features(words: Sequence[str]) -> Iterator[str]:
    words = words[:_MAX_WORDS]
    for word in words:
        yield f"={word}"
        marked = f"<{word}>"
        for size in range(1 if word >= _IDEOGRAPHS else _SHORTEST, _LONGEST + 1):
            for start in range(len(marked) - size + 1):
                yield marked[start : start + size]
    for first, second in itertools.pairwise(words):
        yield f"{first} {second}"


class NgramModel:
    """The trained weights. Thread-safe."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """`arrays` has "vectors", (BUCKETS, width) of int8, their "scale", "weights", (width,
        sub-categories), and "bias".
        """
        self._vectors = arrays["vectors"]
        self._weights = arrays["weights"].astype(np.float32) * np.float32(arrays["scale"])
        self._bias = arrays["bias"].astype(np.float32)
        self.subcategories: Final = len(self._bias)

    def log_probabilities(self, names: Sequence[str]) -> Floats:
        """Return log p(sub-category | name), (names, sub-categories).

        A name without letters has the prior probabilities.
        """
        means = np.zeros((len(names), self._vectors.shape[1]), dtype=np.float32)
        for row, name in enumerate(names):
            if buckets := features(name):
                means[row] = self._vectors[buckets].mean(axis=0, dtype=np.float32)
        logits: Floats = means @ self._weights + self._bias
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits
