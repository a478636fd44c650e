"""Measures search: `python -m bench.search`, with cases of tests/corpus/languages or --cases FILE.

A case has a query, documents, the index of the best one, and a kind: the query in another language
than the documents (cross), with a typing error or another inflection (typo), or without a word of
the best document (meaning). The peer is the English model, and each model without the occasions.
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
from sidecar.embedding.model import (
    ENGLISH,
    GROCERY,
    MULTILINGUAL,
    EmbeddingModel,
    embed_centered,
    load,
)
from sidecar.search.occasions import Occasions, occasions_of
from sidecar.search.ranking import SearchQuery, SearchWeights, search

_CASES = Path(__file__).parents[1] / "tests" / "corpus" / "languages" / "search_cases.jsonl"
_WEIGHTS = {"default": (0.3, 0.7), "words": (1.0, 0.0), "meaning": (0.0, 1.0)}


def main() -> None:
    """Parse the arguments, search, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--cases", type=Path, default=_CASES)
    cases = [json.loads(line) for line in parser.parse_args().cases.read_text().splitlines()]
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
        documents = case["documents"]
        [query] = embed_centered(model, model.prompts.query, [case["query"]])
        vectors = embed_centered(model, model.prompts.document, documents)
        found = search(
            SearchQuery(case["query"], weights, len(documents)),
            documents,
            vectors,
            occasions.move(query) if occasions else query,
        )
        ranks[case["kind"]].append(1 + [result.row for result in found].index(case["best"]))
    return ranks


if __name__ == "__main__":
    main()
