"""Trains the receipt model: `python -m sidecar.receipts.training --texts FILE --boxes FILE --scans FOLDER`.

Writes data/receipt_model.npz. docs/receipt-model.md says what the released one was learned from.
Readings of receipts by networks that have not seen their shop (or, with --leave-out, their source) go
to --predictions, for bench.receipts to score.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sidecar.receipts.model import ReceiptModel
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.training import examples as load
from sidecar.receipts.training.fitting import (
    Readings,
    Trainer,
    calibrate,
    cross_validate,
    model_of,
)


def main() -> None:
    """Parse the arguments, cross-validate, and write what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m sidecar.receipts.training", description=__doc__
    )
    parser.add_argument("--texts", type=Path, action="append", default=[])
    parser.add_argument("--boxes", type=Path, action="append", default=[])
    parser.add_argument("--scans", type=Path, action="append", default=[])
    parser.add_argument("--tills", type=Path, action="append", default=[])
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--leave-out",
        action="append",
        help="a source whose readings are those of a model that has learned from the others alone",
    )
    parser.add_argument(
        "--keep", type=Path, help="a folder for the networks, and from where those in it are taken"
    )
    parser.add_argument("--out", type=Path, help="the model's file")
    parser.add_argument("--predictions", type=Path, help="readings of receipts that were held out")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    examples = [e for path in arguments.texts for e in load.from_texts(path)]
    examples += [e for path in arguments.boxes for e in load.from_boxes(path)]
    examples += [e for path in arguments.scans for e in load.from_scans(path, path.name)]
    examples += [e for path in arguments.tills for e in load.from_tills(path)]
    examples = [e for e in examples if e.rows]
    trainer = Trainer(arguments.epochs, arguments.keep)
    folds = cross_validate(examples, folds=arguments.folds, trainer=trainer)
    seen = [Readings.of(fold) for fold in folds]
    if arguments.out:
        whole = trainer.network("all", examples, seed=arguments.folds)
        arrays = model_of(whole, calibrate(seen))[1]
        np.savez_compressed(arguments.out, allow_pickle=False, **arrays)
    if arguments.predictions and arguments.leave_out:
        unseen = [_left_out(name, examples, seen, trainer) for name in arguments.leave_out]
        _write(arguments.predictions, unseen)
    elif arguments.predictions:
        unseen = [
            (fold.held, model_of(fold.network, calibrate([s for s in seen if s is not own]))[0])
            for fold, own in zip(folds, seen, strict=True)
        ]
        _write(arguments.predictions, unseen)


def _left_out(
    source: str, examples: Sequence[load.Example], seen: Sequence[Readings], trainer: Trainer
) -> tuple[Sequence[load.Example], ReceiptModel]:
    """Return a source's receipts, and a model of which no part was fitted on any of them."""
    others = [example for example in examples if example.source != source]
    network = trainer.network(f"without-{source}", others, seed=0)
    calibration = calibrate([readings.without(source) for readings in seen])
    return [e for e in examples if e.source == source], model_of(network, calibration)[0]


def _write(path: Path, readings: Sequence[tuple[Sequence[load.Example], ReceiptModel]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for held, model in readings:
            for example in held:
                nested = parse(example.rows, ReceiptOptions(), model=model).nested()
                out.write(json.dumps({"id": example.truth["id"], "extraction": nested}) + "\n")


if __name__ == "__main__":
    main()
