"""Measures search: `python -m bench.search`, with cases of tests/corpus/languages or --cases FILE.

A case has a query, documents, the index of the best one, and a kind: the query in another language
than the documents (cross), with a typing error or another inflection (typo), or without a word of
the best document (meaning). The peer is the English model, and each model without the occasions.

With --foodeval FOLDER, a copy of PyPI's foodeval (`pip download foodeval --no-deps`, unpacked: its
license allows measuring alone, so it is no dependency), the mean NDCG@10 of its four searches too.
"""

import argparse
import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import Vectors
from sidecar.embedding.model import (
    ENGLISH,
    GROCERY,
    MULTILINGUAL,
    EmbeddingModel,
    embed_centered,
    load,
)
from sidecar.search.occasions import Occasions, occasions_of
from sidecar.search.ranking import SearchQuery, SearchWeights, search, semantic_scores

_CASES = Path(__file__).parents[1] / "tests" / "corpus" / "languages" / "search_cases.jsonl"
_TASKS = ("food", "concept", "diet", "noisy")
_WEIGHTS = {"default": (0.3, 0.7), "words": (1.0, 0.0), "meaning": (0.0, 1.0)}


def main() -> None:
    """Parse the arguments, search, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--cases", type=Path, default=_CASES)
    parser.add_argument("--foodeval", type=Path, help="the folder that has foodeval/data")
    arguments = parser.parse_args()
    cases = [json.loads(line) for line in arguments.cases.read_text().splitlines()]
    _show_cases(cases)
    if arguments.foodeval:
        _show_foodeval(arguments.foodeval / "foodeval" / "data")


def _show_cases(cases: Sequence[Mapping[str, Any]]) -> None:
    kinds = sorted({case["kind"] for case in cases})
    print(f"| model | weights | {' | '.join(f'{kind}: first, MRR' for kind in kinds)} |")
    print(f"|---|---|{'---|' * len(kinds)}")
    for name in (GROCERY, MULTILINGUAL, ENGLISH):
        model = load(name, "cpu", 2, [INSTALL_DIR])
        occasions = asyncio.run(occasions_of(model, []))
        for weights, (keyword, semantic) in _WEIGHTS.items():
            for moved in (occasions, None) if semantic else (None,):
                ranks = _ranks(model, moved, cases, SearchWeights(keyword, semantic))
                cells = [
                    f"{np.mean([rank == 1 for rank in ranks[kind]]):.3f}, "
                    f"{np.mean([1 / rank for rank in ranks[kind]]):.3f}"
                    for kind in kinds
                ]
                shown = weights if moved else f"{weights}, no occasions"
                print(f"| {name} | {shown} | {' | '.join(cells)} |")


def _ranks(
    model: EmbeddingModel,
    occasions: Occasions | None,
    cases: Sequence[Mapping[str, Any]],
    weights: SearchWeights,
) -> Mapping[str, list[int]]:
    ranks: dict[str, list[int]] = defaultdict(list)
    for case in cases:
        [query] = embed_centered(model, model.prompts.query, [case["query"]])
        vectors = embed_centered(model, model.prompts.document, case["documents"])
        rows = _search(case["query"], query, case["documents"], vectors, occasions, weights)
        ranks[case["kind"]].append(1 + rows.index(case["best"]))
    return ranks


def _search(
    query: str,
    query_vector: Vectors,
    documents: Sequence[str],
    vectors: Vectors,
    occasions: Occasions | None,
    weights: SearchWeights,
) -> Sequence[int]:
    """Return the documents' rows, best first."""
    moved = occasions.move(query_vector) if occasions else query_vector
    found = search(
        SearchQuery(query, weights, len(documents)), documents, semantic_scores(vectors, moved)
    )
    return [result.row for result in found]


def _show_foodeval(folder: Path) -> None:
    tasks = [json.loads((folder / f"{name}_search.json").read_text()) for name in _TASKS]
    print(f"\n| model | weights | {' | '.join(_TASKS)} | mean |")
    print(f"|---|---|{'---|' * (len(_TASKS) + 1)}")
    for name in (GROCERY, MULTILINGUAL, ENGLISH):
        model = load(name, "cpu", 2, [INSTALL_DIR])
        occasions = asyncio.run(occasions_of(model, []))
        vectors = [_task_vectors(model, task) for task in tasks]
        for weights, (keyword, semantic) in _WEIGHTS.items():
            for moved in (occasions, None) if semantic else (None,):
                search_weights = SearchWeights(keyword, semantic)
                gains = [
                    _ndcg(task, *task_vectors, moved, search_weights)
                    for task, task_vectors in zip(tasks, vectors, strict=True)
                ]
                shown = weights if moved else f"{weights}, no occasions"
                cells = [f"{gain:.3f}" for gain in (*gains, np.mean(gains))]
                print(f"| {name} | {shown} | {' | '.join(cells)} |", flush=True)


def _task_vectors(model: EmbeddingModel, task: Mapping[str, Any]) -> tuple[Vectors, Vectors]:
    queries = [query["query"] for query in task["queries"]]
    return (
        embed_centered(model, model.prompts.query, queries),
        embed_centered(model, model.prompts.document, task["corpus"]),
    )


def _ndcg(
    task: Mapping[str, Any],
    queries: Vectors,
    documents: Vectors,
    occasions: Occasions | None,
    weights: SearchWeights,
) -> float:
    """Return the mean over queries of NDCG@10, with gains of 2^grade - 1 (Burges et al. 2005)."""
    corpus = task["corpus"]
    discounts = 1 / np.log2(np.arange(2, 12))
    scores = []
    for query, vector in zip(task["queries"], queries, strict=True):
        rows = _search(query["query"], vector, corpus, documents, occasions, weights)
        gains = np.exp2([query["relevance"].get(text, 0) for text in corpus]) - 1
        best = float(np.sort(gains)[::-1][:10] @ discounts)
        scores.append(float(gains[rows[:10]] @ discounts) / best if best else 0.0)
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
