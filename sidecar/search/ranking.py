"""Hybrid ranking: the words of the query (BM25) and its meaning (cosine), each from 0 to 1.

BM25 follows Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
(2009), with their usual constants, over the documents at hand; it is divided by what a document
holding every word of the query would get, so that both scores share a scale.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.text.product_names import expand
from sidecar.text.taxonomy import label_key

_K1: Final = 1.2
_B: Final = 0.75


@dataclass(frozen=True, slots=True)
class SearchWeights:
    """Shares of the two scores, at least 0, finite, and not both 0; only their ratio matters."""

    keyword: float
    semantic: float


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: at most `top_k` documents that score at least `min_score`."""

    text: str
    weights: SearchWeights
    top_k: int
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A document's scores from 0 to 1, and the words of the query that it holds."""

    row: int  # which of the documents, from 0
    score: float
    keyword_score: float
    semantic_score: float
    matched_terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """A document's words, normalised; `name` is its first line, so normalised."""

    name: str
    counts: Mapping[str, int]
    length: int


def document_terms(text: str) -> Terms:
    """Depends on the text alone: worth caching where documents repeat."""
    words = _words(text)
    first_line = next(iter(text.strip().splitlines()), "")
    return Terms(" ".join(_words(first_line)), Counter(words), len(words))


def search(
    query: SearchQuery,
    documents: Sequence[str],
    vectors: NDArray[np.float32],
    query_vector: NDArray[np.float32],
    *,
    terms: Callable[[str], Terms] = document_terms,
) -> list[SearchResult]:
    """The documents that are looked for, best first.

    `vectors` are (documents, dimension) and `query_vector` (dimension,), all unit vectors. A
    document whose whole text or first line is the query comes first, with the score 1; equals stay
    in the documents' order.
    """
    words = _words(query.text)
    wanted = list(dict.fromkeys(words))
    held = [terms(document) for document in documents]
    keyword = _bm25(wanted, held)
    semantic = np.clip(vectors @ query_vector, 0.0, 1.0)
    share = query.weights.keyword / (query.weights.keyword + query.weights.semantic)
    score = share * keyword + (1 - share) * semantic
    name = " ".join(words)
    exact = np.array([bool(name) and name == document.name for document in held], dtype=bool)
    score[exact] = 1.0
    order = np.lexsort((-score, ~exact))
    best = order[score[order] >= query.min_score][: query.top_k]
    return [
        SearchResult(
            int(row),
            float(score[row]),
            float(keyword[row]),
            float(semantic[row]),
            tuple(word for word in wanted if word in held[row].counts),
        )
        for row in best
    ]


def _words(text: str) -> list[str]:
    return label_key(expand(text)).split()


def _bm25(wanted: Sequence[str], documents: Sequence[Terms]) -> NDArray[np.float64]:
    """(documents,), from 0 to 1."""
    scores = np.zeros(len(documents))
    if not wanted:
        return scores
    lengths = np.array([document.length for document in documents], dtype=float)
    damping = _K1 * (1 - _B + _B * lengths / max(1.0, lengths.mean()))
    best = 0.0
    for word in wanted:
        counts = np.array([document.counts.get(word, 0) for document in documents], dtype=float)
        rarity = _inverse_document_frequency(int(np.count_nonzero(counts)), len(documents))
        best += rarity
        scores += rarity * np.minimum(1.0, counts * (_K1 + 1) / (counts + damping))
    return scores / best


def _inverse_document_frequency(holding: int, documents: int) -> float:
    """The inverse document frequency, above 0 for every word."""
    return math.log1p((documents - holding + 0.5) / (holding + 0.5))
