"""Hybrid ranking by keywords (BM25) and meaning (cosine similarity), each scored from 0 to 1.

BM25 follows Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
(2009), with their usual constants, over the request's documents. It is divided by the score of a
document with every word of the query, so both scores have the same scale.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidecar.search.terms import Terms, document_terms, meant_words, words_of

_K1: Final = 1.2
_B: Final = 0.75
#: Words of documents that are compared with those words of a query that no document has, some 2 s:
#: what comes after them in the query means itself alone.
_MAX_COMPARED: Final = 2_000_000


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


def semantic_scores(
    vectors: NDArray[np.float32], query_vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the documents' scores by meaning, of shape (documents,).

    `vectors` has shape (documents, dimension) and `query_vector` (dimension,); all are unit
    vectors.
    """
    scores: NDArray[np.float32] = np.clip(vectors @ query_vector, 0.0, 1.0)
    return scores


def search(
    query: SearchQuery,
    documents: Sequence[str],
    semantic: NDArray[np.float32],
    *,
    terms: Callable[[str], Terms] = document_terms,
) -> list[SearchResult]:
    """Return the documents that match the query, best first.

    `semantic` has the documents' `semantic_scores`. A document whose whole text or first line
    equals the query comes first, with score 1; documents of equal score keep their order.
    """
    words = words_of(query.text)
    query_terms = list(dict.fromkeys(words))
    indexed = [terms(document) for document in documents]
    keyword, matched = _bm25(query_terms, indexed)
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
            tuple(matched[int(row)].values()),
        )
        for row in best
    ]


def _bm25(
    query_terms: Sequence[str], documents: Sequence[Terms]
) -> tuple[NDArray[np.float64], Sequence[Mapping[int, str]]]:
    """Return the documents' scores, and of each document the query's words that it has."""
    scores = np.zeros(len(documents))
    matched: list[dict[int, str]] = [{} for _ in documents]
    if not query_terms:
        return scores, matched
    lengths = np.array([document.length for document in documents], dtype=float)
    damping = _K1 * (1 - _B + _B * lengths / max(1.0, lengths.mean()))
    vocabulary = list(dict.fromkeys(word for document in documents for word in document.counts))
    known = set(vocabulary)
    max_score = 0.0
    compared = 0
    for number, word in enumerate(query_terms):
        meant: Mapping[str, float] = {}
        if word in known:
            meant = {word: 1.0}
        elif compared < _MAX_COMPARED:
            meant = meant_words(word, vocabulary)
            compared += len(vocabulary)
        counts = np.zeros(len(documents))
        for row, document in enumerate(documents):
            # A word may stand for every word of every document.
            fewer = meant if len(meant) < len(document.counts) else document.counts
            for other in fewer:
                if (weight := meant.get(other)) and (count := document.counts.get(other, 0)):
                    counts[row] = max(counts[row], weight * count)
                    matched[row][number] = word
        frequency = int(np.count_nonzero(counts))
        idf = math.log1p((len(documents) - frequency + 0.5) / (frequency + 0.5))  # always above 0
        max_score += idf
        scores += idf * np.minimum(1.0, counts * (_K1 + 1) / (counts + damping))
    return scores / max_score, matched
