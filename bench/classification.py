"""Measures the classifier's accuracy: `python -m bench.classification [--names FILE]`.

FILE has a line of JSON per English product name: {"name", "label", "aisle", "department"}. The same
names are classified into three label sets: their labels, departments and aisles. The names that the
taxonomy doesn't list are also counted separately. The peer is the plain cosine of the English
embedding model's vectors of name and label.

Everyday names in all languages, with labels in English and in the names' own language, come from
tests/corpus/languages or from --everyday FILE and --label-names FILE of the same form; with them,
how often the nearest of --nearest English names to a foreign name is that of the same thing.
"""

import argparse
import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.classification.packaged import packaged_classifier
from sidecar.classification.schemas import HIGH_CONFIDENCE
from sidecar.classification.taxonomy_backend import TaxonomyClassifier
from sidecar.core.build_cache import INSTALL_DIR
from sidecar.embedding.cache import VectorCache, Vectors
from sidecar.embedding.model import (
    ENGLISH,
    GROCERY,
    MULTILINGUAL,
    EmbeddingModel,
    embed_centered,
    load,
)
from sidecar.text.lexicon import lexicon
from sidecar.text.product_names import product_key

_BINS = 10
_LANGUAGES = Path(__file__).parents[1] / "tests" / "corpus" / "languages"


def main() -> None:
    """Parse the arguments, classify, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.classification", description=__doc__)
    parser.add_argument("--names", type=Path, help="labeled English names, JSON lines")
    parser.add_argument("--everyday", type=Path, default=_LANGUAGES / "everyday_names.jsonl")
    parser.add_argument("--label-names", type=Path, default=_LANGUAGES / "label_names.json")
    parser.add_argument("--nearest", type=int, default=24)
    asyncio.run(_measure(parser.parse_args()))


async def _measure(arguments: argparse.Namespace) -> None:
    model = load(MULTILINGUAL, "cpu", 2, [INSTALL_DIR])

    async def embed(texts: Sequence[str]) -> Vectors:
        return model.embed(texts)

    classifier = await packaged_classifier(VectorCache(embed, 2**30).embed, model.version)
    if arguments.names:
        await _english(classifier, _rows(arguments.names))
    everyday = _rows(arguments.everyday)
    await _languages(classifier, everyday, json.loads(arguments.label_names.read_text()))
    for name in (GROCERY, MULTILINGUAL, ENGLISH):
        _nearest(load(name, "cpu", 2, [INSTALL_DIR]), everyday, arguments.nearest)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def _english(classifier: TaxonomyClassifier, rows: Sequence[Mapping[str, str]]) -> None:
    unlisted = [not lexicon().product(product_key(row["name"])) for row in rows]
    english = load(ENGLISH, "cpu", 2, [INSTALL_DIR])
    print("| labels | names | accuracy | macro-F1 | ECE | right at >= 0.8 | plain cosine |")
    print("|---|---|---|---|---|---|---|")
    for field in ("label", "department", "aisle"):
        labels = tuple(sorted({row[field] for row in rows}))
        scores = await _classify(classifier, [row["name"] for row in rows], labels)
        similarity = english.embed([row["name"] for row in rows]) @ english.embed(labels).T
        cosine = [labels[best] for best in similarity.argmax(axis=1)]
        truth = [row[field] for row in rows]
        for subset, mask in (("all", [True] * len(rows)), ("not listed", unlisted)):
            chosen = [index for index, is_in in enumerate(mask) if is_in]
            predicted = [scores[index] for index in chosen]
            expected = [truth[index] for index in chosen]
            plain = np.mean([cosine[index] == truth[index] for index in chosen])
            print(
                f"| {len(labels)} {field}s, {subset} | {len(chosen)} "
                f"| {_accuracy(expected, predicted):.3f} | {_macro_f1(expected, predicted):.3f} "
                f"| {_ece(expected, predicted):.3f} | {_sure(expected, predicted)} | {plain:.3f} |"
            )


async def _languages(
    classifier: TaxonomyClassifier,
    rows: Sequence[Mapping[str, str]],
    label_names: Mapping[str, Mapping[str, str]],
) -> None:
    english = tuple(sorted({row["label"] for row in rows}))
    print(
        "\n| language | names | English labels | right at >= 0.8 | own labels | right at >= 0.8 |"
    )
    print("|---|---|---|---|---|---|")
    means: list[tuple[float, float]] = []
    for language in sorted({row["language"] for row in rows}):
        own = [row for row in rows if row["language"] == language]
        names, truth = [row["name"] for row in own], [row["label"] for row in own]
        named = label_names.get(language, {label: label for label in english})
        cells, accuracies = [], []
        for meanings in ({label: label for label in english}, named):
            labels = tuple(meanings[label] for label in english)
            scores = await _classify(classifier, names, labels)
            expected = [meanings[label] for label in truth]
            accuracies.append(_accuracy(expected, scores))
            cells.append(f"{accuracies[-1]:.3f} | {_sure(expected, scores)}")
        means.append((accuracies[0], accuracies[1]))
        print(f"| {language} | {len(own)} | {' | '.join(cells)} |")
    first, second = np.mean(means, axis=0)
    print(f"| mean | {len(rows)} | {first:.3f} | | {second:.3f} | |")


def _nearest(model: EmbeddingModel, rows: Sequence[Mapping[str, str]], count: int) -> None:
    """Print how often a foreign name's own English name is the nearest of `count` names."""
    vectors = embed_centered(model, model.prompts.default, [row["name"] for row in rows])
    english = {row["english"]: at for at, row in enumerate(rows) if row["language"] == "en"}
    chance = random.Random(1)
    hits = []
    for at, row in enumerate(rows):
        if row["language"] != "en" and row["english"] in english:
            others = [name for name in english if name != row["english"]]
            candidates = [row["english"], *chance.sample(others, count - 1)]
            similarity = vectors[[english[name] for name in candidates]] @ vectors[at]
            hits.append(int(similarity.argmax()) == 0)
    print(f"\n{model.name}: nearest of {count} English names: {np.mean(hits):.3f} of {len(hits)}")


async def _classify(
    classifier: TaxonomyClassifier, names: Sequence[str], labels: tuple[str, ...]
) -> list[Scores]:
    scores: list[Scores] = []
    for start in range(0, len(names), 200):
        chunk = names[start : start + 200]
        scores += await classifier.classify([ClassificationItem(name, labels) for name in chunk])
    return scores


def _sure(truth: Sequence[str], predicted: Sequence[Scores]) -> str:
    """Return the accuracy of the confident predictions, and their share."""
    hits = [
        _best(scores) == label
        for label, scores in zip(truth, predicted, strict=True)
        if max(scores.values()) >= HIGH_CONFIDENCE
    ]
    return f"{np.mean(hits):.3f} of {len(hits) / len(truth):.0%}" if hits else "none"


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


if __name__ == "__main__":
    main()
