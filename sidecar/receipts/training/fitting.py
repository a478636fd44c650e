"""Fits the receipt model: the network on labeled, varied and made-up receipts, then the weights of
what it says, on receipts of shops that it has not seen.
"""

import logging
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from sidecar.receipts.assignment.evidence import Evidence, evidence_of
from sidecar.receipts.assignment.explain import explanations
from sidecar.receipts.assignment.ranking import Calibration
from sidecar.receipts.assignment.reading import ITEM_FIGURES, MATCH_FIGURES, read_amounts
from sidecar.receipts.assignment.totals import candidates_for_total
from sidecar.receipts.fields.merchant import candidate_rows, figures_of, is_of_customer, name_at
from sidecar.receipts.model import CALIBRATION, ReceiptModel, model_from
from sidecar.receipts.roles.features import Features, features_of
from sidecar.receipts.roles.network import RoleModel
from sidecar.receipts.roles.tokens import tokenize
from sidecar.receipts.text_rows import rows_from_text
from sidecar.receipts.training.calibration import fit_chance, fit_choice
from sidecar.receipts.training.compose import compose
from sidecar.receipts.training.cut import without_header
from sidecar.receipts.training.examples import Example
from sidecar.receipts.training.labels import Labels, labels_of, scale_of
from sidecar.receipts.training.network import train
from sidecar.receipts.training.vary import names_of, vary

log = logging.getLogger(__name__)

Arrays = dict[str, npt.NDArray[Any]]
Seen = tuple[Evidence, Example]
"""A receipt as a network sees it that has not learned from it."""
_COMPOSED = 1.0  # made-up receipts for each labeled one
_CUT = 0.12  # receipts read without their header too, to calibrate, for each labeled one
_SAME_NAME = 85  # token_set_ratio from which two merchants are one
_NAME_START = 6  # letters of a merchant's name that tell that it is printed
_SAME_ITEM = 80  # token_sort_ratio


@dataclass(frozen=True)
class Trainer:
    """Trains networks, or takes those that were kept."""

    epochs: int
    folder: Path | None = None

    def network(self, name: str, examples: Sequence[Example], seed: int) -> Arrays:
        """Return the weights of a network trained on the examples that have a total, and on what is
        made of them.
        """
        file = self.folder / f"{name}.npz" if self.folder else None
        if file is not None and file.exists():
            with np.load(file) as arrays:
                return dict(arrays)
        rng = random.Random(seed)
        examples = [example for example in examples if example.truth.get("total")]
        receipts = [_prepared(example) for example in examples]
        receipts += [_prepared(made) for made in _made_up(rng, examples)]
        arrays = dict(train(receipts, epochs=self.epochs, seed=seed).arrays())
        log.info("network %s: learned from %d receipts", name, len(receipts))
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(file, allow_pickle=False, **arrays)
        return arrays


def _prepared(example: Example) -> tuple[Features, Labels]:
    receipt = tokenize(example.rows)
    return features_of(receipt), labels_of(receipt, example.truth)


def _made_up(rng: random.Random, examples: Sequence[Example]) -> list[Example]:
    truths = [example.truth for example in examples]
    names = names_of(truths)
    shops = sorted({str(t["merchant"]) for t in truths if t.get("merchant")})
    places = [
        line
        for example in examples
        for line in example.text.splitlines()[1:5]
        if len(line) > 5 and not re.search(r"\d[.,]\d\d\b", line)
    ]
    made: list[Mapping[str, Any] | None] = [vary(rng, e.text, e.truth) for e in examples]
    made += [compose(rng, names, shops, places) for _ in range(int(_COMPOSED * len(examples)))]
    return [Example(rows, t) for t in made if t and (rows := rows_from_text(t["text"]))]


@dataclass(frozen=True)
class Fold:
    """A network, and the receipts of shops that it has not seen."""

    network: Arrays
    held: Sequence[Example]


@dataclass(frozen=True)
class Readings:
    """What a fold's network sees in receipts of shops that it does not know."""

    receipts: Sequence[Seen]
    beheaded: Sequence[Seen]
    """Some of them without their headers: no line is the shop's name."""

    @classmethod
    def of(cls, fold: Fold) -> "Readings":
        """Return a fold's receipts as its network sees them."""
        rng = random.Random(0)
        chosen = [example for example in fold.held if rng.random() < _CUT]
        cut = [c for example in chosen if (c := without_header(rng, example)) is not None]
        return cls(_seen(fold.held, fold.network), _seen(cut, fold.network))

    def without(self, source: str) -> "Readings":
        """Return the readings of other sources' receipts."""
        return Readings(
            [pair for pair in self.receipts if pair[1].source != source],
            [pair for pair in self.beheaded if pair[1].source != source],
        )


def _seen(examples: Sequence[Example], arrays: Arrays) -> list[Seen]:
    network = RoleModel(arrays)
    return [(evidence_of(tokenize(example.rows), network), example) for example in examples]


def cross_validate(examples: Sequence[Example], *, folds: int, trainer: Trainer) -> list[Fold]:
    """Train a network for each fold, without the fold's shops."""
    done = []
    for fold in range(folds):
        held = [e for e in examples if e.fold_of(folds) == fold]
        rest = [e for e in examples if e.fold_of(folds) != fold]
        done.append(Fold(trainer.network(f"fold{fold}", rest, seed=fold), held))
    return done


def calibrate(readings: Sequence[Readings]) -> Arrays:
    """Fit the weights for totals, merchants and items."""
    seen = [pair for part in readings for pair in part.receipts]
    beheaded = [pair for part in readings for pair in part.beheaded]
    weights: Arrays = {
        "total": _fit_totals(seen),
        "merchant": _fit_merchants([*seen, *beheaded]),
    }
    weights["item"], weights["price"], weights["match"] = _fit_items(seen, weights)
    return weights


def model_of(network: Arrays, calibration: Arrays) -> tuple[ReceiptModel, Arrays]:
    """Return the model, and the arrays of its file."""
    arrays = {**network, **{CALIBRATION + name: array for name, array in calibration.items()}}
    return model_from(arrays), arrays


def _fit_totals(seen: Sequence[Seen]) -> npt.NDArray[np.float64]:
    groups: list[tuple[Sequence[Sequence[float]], int | None]] = []
    for evidence, example in seen:
        if not example.truth.get("total"):
            continue
        total = Decimal(example.truth["total"]) * scale_of(evidence.receipt, example.truth)
        candidates = candidates_for_total(evidence, explanations(evidence))
        right = next((k for k, c in enumerate(candidates) if c.value == total), None)
        groups.append(([c.figures for c in candidates], right))
    return fit_choice(groups)


def _fit_merchants(seen: Sequence[Seen]) -> npt.NDArray[np.float64]:
    groups: list[tuple[Sequence[Sequence[float]], int | None]] = []
    for evidence, example in seen:
        merchant = str(example.truth.get("merchant") or "").upper()
        rows = candidate_rows(evidence)
        if example.truth.get("merchant") == "":
            groups.append((figures_of(evidence, rows), None))
            continue
        if not merchant or not evidence.receipt.rows:
            continue
        names = [name_at(evidence, row).upper() for row in rows]
        right = [k for k, n in enumerate(names) if fuzz.token_set_ratio(n, merchant) >= _SAME_NAME]
        if not right and not _is_shown(merchant, example):
            continue
        best = max(right, key=lambda k: (fuzz.ratio(names[k], merchant), -k), default=None)
        kept = [k for k in range(len(rows)) if k == best or k not in right]
        figures = figures_of(evidence, rows)
        answer = kept.index(best) if best is not None else None
        groups.append(([figures[k] for k in kept], answer))
    return fit_choice(groups)


def _is_shown(merchant: str, example: Example) -> bool:
    """Whether a line names the merchant, other than as a customer."""
    lines = (row.text for row in example.rows if not is_of_customer(row.text))
    return any(merchant[:_NAME_START] in line.upper() for line in lines)


def _fit_items(
    seen: Sequence[Seen], weights: Arrays
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    unfitted = {name: np.zeros(ITEM_FIGURES + 1) for name in ("item", "price")}
    unfitted["match"] = np.zeros(MATCH_FIGURES + 1)
    calibration = Calibration({**weights, **unfitted})
    figures: list[Sequence[float]] = []
    match_figures: list[Sequence[float]] = []
    complete: list[bool] = []
    named: list[bool] = []
    priced: list[bool] = []
    for evidence, example in seen:
        if not example.truth.get("items"):
            continue
        scale = scale_of(evidence.receipt, example.truth)
        reading = read_amounts(evidence, calibration)
        prices = [
            (str(i["name"]).upper(), Decimal(str(i.get("total_price", i.get("total")))) * scale)
            for i in example.truth["items"]
        ]
        for flags, with_name in ((named, True), (priced, False)):
            left = list(prices)
            for item in reading.items:
                match = next(
                    (
                        (name, price)
                        for name, price in left
                        if abs(price) == abs(item.total)
                        and (
                            not with_name
                            or fuzz.token_sort_ratio(name, item.name.upper()) >= _SAME_ITEM
                        )
                    ),
                    None,
                )
                flags.append(match is not None)
                if match is not None:
                    left.remove(match)
        figures += reading.item_figures
        if any(reading.match_figures):
            match_figures.append(reading.match_figures)
            complete.append(not left and all(priced[len(priced) - len(reading.items) :]))
    return (
        fit_chance(figures, named),
        fit_chance(figures, priced),
        fit_chance(match_figures, complete),
    )
