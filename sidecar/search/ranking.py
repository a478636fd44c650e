"""Hybrid ranking by keywords (BM25) and meaning (cosine similarity), each scored from 0 to 1.

BM25 follows Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
(2009), with their usual constants, over the request's documents. It is divided by the score of a
document with every word of the query, so both scores have the same scale.
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
    """Weights of the two scores: finite, at least 0, not both 0; only their ratio matters."""

    keyword: float
    semantic: float


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search for at most `top_k` documents that score at least `min_score`."""

    text: str
    weights: SearchWeights
    top_k: int
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A document's scores from 0 to 1, and the words of the query that it contains."""

    row: int  # the document's index, from 0
    score: float
    keyword_score: float
    semantic_score: float
    matched_terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """A document's normalized words; `name` is its first line, normalized too."""

    name: str
    counts: Mapping[str, int]
    length: int


def document_terms(text: str) -> Terms:
    """Return the terms of a document; callers with repeated documents may cache them."""
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
    """Return the documents that match the query, best first.

    `vectors` has shape (documents, dimension) and `query_vector` (dimension,); all are unit
    vectors. A document whose whole text or first line equals the query comes first, with score 1;
    documents of equal score keep their order.
    """
    words = _words(query.text)
    query_terms = list(dict.fromkeys(words))
    indexed = [terms(document) for document in documents]
    keyword = _bm25(query_terms, indexed)
    semantic = np.clip(vectors @ query_vector, 0.0, 1.0)
    share = query.weights.keyword / (query.weights.keyword + query.weights.semantic)
    score = share * keyword + (1 - share) * semantic
    name = " ".join(words)
    exact = np.array([bool(name) and name == document.name for document in indexed], dtype=bool)
    score[exact] = 1.0
    order = np.lexsort((-score, ~exact))
    best = order[score[order] >= query.min_score][: query.top_k]
    return [
        SearchResult(
            int(row),
            float(score[row]),
            float(keyword[row]),
            float(semantic[row]),
            tuple(word for word in query_terms if word in indexed[row].counts),
        )
        for row in best
    ]


def _words(text: str) -> list[str]:
    return label_key(expand(text)).split()


def _bm25(query_terms: Sequence[str], documents: Sequence[Terms]) -> NDArray[np.float64]:
    scores = np.zeros(len(documents))
    if not query_terms:
        return scores
    lengths = np.array([document.length for document in documents], dtype=float)
    damping = _K1 * (1 - _B + _B * lengths / max(1.0, lengths.mean()))
    max_score = 0.0
    for word in query_terms:
        counts = np.array([document.counts.get(word, 0) for document in documents], dtype=float)
        frequency = int(np.count_nonzero(counts))
        idf = math.log1p((len(documents) - frequency + 0.5) / (frequency + 0.5))  # always above 0
        max_score += idf
        scores += idf * np.minimum(1.0, counts * (_K1 + 1) / (counts + damping))
    return scores / max_score
