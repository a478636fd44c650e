"""How right the classifier is: `python -m bench.classification --names FILE`.

FILE has a line of JSON for each product name: {"name", "label", "aisle", "department"}. Three label
sets are tried on the same names: the labels, the departments and the aisles that occur. Names that
share no run of words with any exemplar of the taxonomy are counted apart: what is right there was
not looked up. The peer is the cosine of the embedder's vectors of name and label, as it is.
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
    parser.add_argument("--names", type=Path, required=True, help="labelled names, JSON lines")
    rows = [json.loads(line) for line in parser.parse_args().names.read_text().splitlines()]
    asyncio.run(_measure(rows))


async def _measure(rows: Sequence[Mapping[str, str]]) -> None:
    model = load(None, "cpu", 2, [INSTALL_DIR])

    async def embed(texts: Sequence[str]) -> Vectors:
        return model.embed(texts)

    cache = VectorCache(embed, 2**30)
    vectors = await exemplar_vectors(taxonomy(), embed, model.version, [INSTALL_DIR])
    lexicon = TaxonomyClassifier(cache.embed, taxonomy(), vectors, model.name, model.version)
    known = _runs(exemplars(taxonomy()))
    unseen = [not _shares(row["name"], known) for row in rows]
    print("| labels | names | accuracy | macro-F1 | ECE | plain cosine |")
    print("|---|---|---|---|---|---|")
    for field in ("label", "department", "aisle"):
        labels = tuple(sorted({row[field] for row in rows}))
        scores: list[Scores] = []
        for chunk in (rows[start : start + 200] for start in range(0, len(rows), 200)):
            scores += await lexicon.classify(
                [ClassificationItem(row["name"], labels) for row in chunk]
            )
        cosine = await _cosine(cache, [row["name"] for row in rows], labels)
        truth = [row[field] for row in rows]
        for what, chosen in (("all", [True] * len(rows)), ("no exemplar's words", unseen)):
            at = [number for number, is_in in enumerate(chosen) if is_in]
            said = [scores[number] for number in at]
            meant = [truth[number] for number in at]
            plain = np.mean([cosine[number] == truth[number] for number in at])
            print(
                f"| {len(labels)} {field}s, {what} | {len(at)} | {_accuracy(meant, said):.3f} "
                f"| {_macro_f1(meant, said):.3f} | {_ece(meant, said):.3f} | {plain:.3f} |"
            )


async def _cosine(cache: VectorCache, names: Sequence[str], labels: Sequence[str]) -> list[str]:
    likeness = await cache.embed(names) @ (await cache.embed(labels)).T
    return [labels[best] for best in likeness.argmax(axis=1)]


def _best(scores: Scores) -> str:
    return max(scores, key=lambda label: scores[label])


def _accuracy(truth: Sequence[str], said: Sequence[Scores]) -> float:
    return float(
        np.mean([_best(scores) == meant for meant, scores in zip(truth, said, strict=True)])
    )


def _macro_f1(truth: Sequence[str], said: Sequence[Scores]) -> float:
    hits, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for meant, scores in zip(truth, said, strict=True):
        best = _best(scores)
        hits[meant] += best == meant
        missed[meant] += best != meant
        wrong[best] += best != meant
    return float(np.mean([2 * hits[c] / (2 * hits[c] + missed[c] + wrong[c]) for c in set(truth)]))


def _ece(truth: Sequence[str], said: Sequence[Scores]) -> float:
    """Expected calibration error over ten bins of confidence (Guo et al. 2017)."""
    bins: dict[int, list[float]] = defaultdict(list)
    for meant, scores in zip(truth, said, strict=True):
        best = _best(scores)
        bins[min(_BINS - 1, int(_BINS * scores[best]))].append((best == meant) - scores[best])
    return sum(abs(sum(gaps)) for gaps in bins.values()) / len(truth)


def _runs(texts: Sequence[str]) -> frozenset[str]:
    """Each exemplar as the words it is recognised by."""
    return frozenset(label_key(text) for text in texts)


def _shares(name: str, known: frozenset[str]) -> bool:
    """Whether some run of the name's words is an exemplar."""
    words = label_key(product_key(name)).split()
    return any(
        " ".join(words[start:end]) in known
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
    )


if __name__ == "__main__":
    main()
