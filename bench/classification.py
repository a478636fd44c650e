"""Measures the classifier's accuracy: `python -m bench.classification --names FILE`.

FILE has a line of JSON per product name: {"name", "label", "aisle", "department"}. The same names
are classified into three label sets: their labels, departments and aisles. Names without any
sequence of words that is an exemplar of the taxonomy are also counted separately, because they
can't be looked up. The peer is the plain cosine of the embedding model's vectors of name and label.
"""

import argparse
import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.classification.exemplar_store import exemplar_vectors
from sidecar.classification.taxonomy_backend import TaxonomyClassifier, exemplars
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import VectorCache, Vectors
from sidecar.embedding.model import load
from sidecar.text.product_names import product_key
from sidecar.text.taxonomy import label_key, taxonomy

_BINS = 10


def main() -> None:
    """Parse the arguments, classify, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.classification", description=__doc__)
    parser.add_argument("--names", type=Path, required=True, help="labeled names, JSON lines")
    rows = [json.loads(line) for line in parser.parse_args().names.read_text().splitlines()]
    asyncio.run(_measure(rows))


async def _measure(rows: Sequence[Mapping[str, str]]) -> None:
    model = load(None, "cpu", 2, [INSTALL_DIR])

    async def embed(texts: Sequence[str]) -> Vectors:
        return model.embed(texts)

    cache = VectorCache(embed, 2**30)
    vectors = await exemplar_vectors(taxonomy(), embed, model.version, [INSTALL_DIR])
    classifier = TaxonomyClassifier(cache.embed, taxonomy(), vectors, model.name, model.version)
    known = frozenset(label_key(exemplar) for exemplar in exemplars(taxonomy()))
    unseen = [not _contains_exemplar(row["name"], known) for row in rows]
    print("| labels | names | accuracy | macro-F1 | ECE | plain cosine |")
    print("|---|---|---|---|---|---|")
    for field in ("label", "department", "aisle"):
        labels = tuple(sorted({row[field] for row in rows}))
        scores: list[Scores] = []
        for chunk in (rows[start : start + 200] for start in range(0, len(rows), 200)):
            scores += await classifier.classify(
                [ClassificationItem(row["name"], labels) for row in chunk]
            )
        cosine = await _cosine(cache, [row["name"] for row in rows], labels)
        truth = [row[field] for row in rows]
        for subset, mask in (("all", [True] * len(rows)), ("no exemplar's words", unseen)):
            chosen = [index for index, is_in in enumerate(mask) if is_in]
            predicted = [scores[index] for index in chosen]
            expected = [truth[index] for index in chosen]
            plain = np.mean([cosine[index] == truth[index] for index in chosen])
            print(
                f"| {len(labels)} {field}s, {subset} | {len(chosen)} "
                f"| {_accuracy(expected, predicted):.3f} | {_macro_f1(expected, predicted):.3f} "
                f"| {_ece(expected, predicted):.3f} | {plain:.3f} |"
            )


async def _cosine(cache: VectorCache, names: Sequence[str], labels: Sequence[str]) -> list[str]:
    similarity = await cache.embed(names) @ (await cache.embed(labels)).T
    return [labels[best] for best in similarity.argmax(axis=1)]


def _best(scores: Scores) -> str:
    return max(scores, key=lambda label: scores[label])


def _accuracy(truth: Sequence[str], predicted: Sequence[Scores]) -> float:
    return float(
        np.mean([_best(scores) == label for label, scores in zip(truth, predicted, strict=True)])
    )


def _macro_f1(truth: Sequence[str], predicted: Sequence[Scores]) -> float:
    tp, fn, fp = Counter[str](), Counter[str](), Counter[str]()
    for label, scores in zip(truth, predicted, strict=True):
        best = _best(scores)
        tp[label] += best == label
        fn[label] += best != label
        fp[best] += best != label
    return float(np.mean([2 * tp[c] / (2 * tp[c] + fn[c] + fp[c]) for c in set(truth)]))


def _ece(truth: Sequence[str], predicted: Sequence[Scores]) -> float:
    """Return the expected calibration error over ten bins of confidence (Guo et al. 2017)."""
    bins: dict[int, list[float]] = defaultdict(list)
    for label, scores in zip(truth, predicted, strict=True):
        best = _best(scores)
        bins[min(_BINS - 1, int(_BINS * scores[best]))].append((best == label) - scores[best])
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(truth)


def _contains_exemplar(name: str, known: frozenset[str]) -> bool:
    words = label_key(product_key(name)).split()
    return any(
        " ".join(words[start:end]) in known
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    )


if __name__ == "__main__":
    main()
