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

from sidecar.receipts.model import ReceiptModel, receipt_model
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.roles.network import RoleModel
from sidecar.receipts.training import examples as load
from sidecar.receipts.training.fitting import (
    Trainer,
    calibrate,
    cross_validate,
    evidence_for,
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
    parser.add_argument("--leave-out", help="a source to be tried on, and not learned from")
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
    examples = [e for e in examples if e.rows and e.truth.get("total")]
    trainer = Trainer(arguments.epochs, arguments.keep)
    readings: list[tuple[Sequence[load.Example], ReceiptModel]]
    if arguments.leave_out:
        left_out = [e for e in examples if e.source == arguments.leave_out]
        rest = [e for e in examples if e.source != arguments.leave_out]
        network = trainer.network(f"without-{arguments.leave_out}", rest, seed=0)
        readings = [(left_out, ReceiptModel(RoleModel(network), receipt_model().calibration))]
    else:
        folds = cross_validate(examples, folds=arguments.folds, trainer=trainer)
        seen = [pair for f in folds for pair in evidence_for(f.held, f.network)]
        calibration = calibrate(seen)
        readings = [(f.held, model_of(f.network, calibration)[0]) for f in folds]
        if arguments.out:
            whole = trainer.network("all", examples, seed=arguments.folds)
            arrays = model_of(whole, calibration)[1]
            np.savez_compressed(arguments.out, allow_pickle=False, **arrays)
    if arguments.predictions:
        _write(arguments.predictions, readings)


def _write(path: Path, readings: Sequence[tuple[Sequence[load.Example], ReceiptModel]]) -> None:
    with path.open("w", encoding="utf-8") as out:
        for held, model in readings:
            for example in held:
                nested = parse(example.rows, ReceiptOptions(), model=model).nested()
                out.write(json.dumps({"id": example.truth["id"], "extraction": nested}) + "\n")


if __name__ == "__main__":
    main()
