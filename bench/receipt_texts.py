"""Accuracy of the parser on receipts that are given as text, and of readings from a file.

A line of a file is a receipt's label with its `id`, its `source`, by which the tables are grouped,
and its `text`, or `lines` with their boxes. A merchant counts where the text has the label's name,
and is right if the words are 85 % alike (token_set_ratio): labels add legal forms.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.receipt_scores import (
    ACCURACY,
    CONFIDENCE,
    Score,
    accuracy_row,
    confidence_row,
    score_reading,
)
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.training.examples import Example, from_boxes, from_texts

Readings = Mapping[str, Mapping[str, Any]]
"""Nested forms by the receipt's id."""

_NAME_START = 6  # letters of the label's name that its text must have


def load_examples(texts: Iterable[Path], boxes: Iterable[Path]) -> list[Example]:
    """Return the receipts of files of texts and of files of boxes."""
    examples = [example for path in texts for example in from_texts(path)]
    return examples + [example for path in boxes for example in from_boxes(path)]


def load_readings(path: Path) -> Readings:
    """Return the readings of a file with lines {"id", "extraction"}."""
    with path.open(encoding="utf-8") as lines:
        return {row["id"]: row.get("extraction") or {} for row in map(json.loads, lines)}


def read_examples(examples: Sequence[Example]) -> Readings:
    """Return each receipt as the parser reads it, and print receipts a second on one core."""
    readings = {}
    with threadpool_limits(1):  # as the service runs
        parse(examples[0].rows, ReceiptOptions())  # loads the model
        start = time.perf_counter()
        for example in examples:
            extraction = parse(example.rows, ReceiptOptions())
            readings[str(example.truth["id"])] = extraction.nested()
        seconds = time.perf_counter() - start
    print(f"\n{len(examples) / seconds:.0f} receipts a second on one core")
    return readings


def write_readings(path: Path, readings: Readings) -> None:
    """Write a line {"id", "extraction"} for each receipt."""
    with path.open("w", encoding="utf-8") as out:
        for name, extraction in readings.items():
            out.write(json.dumps({"id": name, "extraction": extraction}) + "\n")


def score_examples(examples: Sequence[Example], readings: Readings) -> None:
    """Print the tables by source; a receipt without a reading is all wrong."""
    by_source: dict[str, list[Score]] = {}
    for example in examples:
        score = _score(example, readings.get(str(example.truth["id"]), {}))
        by_source.setdefault(example.source, []).append(score)
    rows = sorted(by_source.items())
    if len(rows) > 1:
        rows.append(("all", [score for _, scores in rows for score in scores]))
    print_tables(rows)


def _score(example: Example, read: Mapping[str, Any]) -> Score:
    label = example.truth
    start = str(label.get("merchant") or "").lower()[:_NAME_START]
    if start not in (label.get("text") or example.text).lower():
        label = {**label, "merchant": None}
    return score_reading(read, label, same_words)


def same_words(labeled: str, read: str) -> bool:
    """Return whether the words of two names are 85 % alike, whatever one has beyond the other."""
    return fuzz.token_set_ratio(read.upper(), labeled.upper()) >= 85


def print_tables(rows: Sequence[tuple[str, Sequence[Score]]]) -> None:
    """Print how right the rows' receipts are, and how right what they are sure of is."""
    print(ACCURACY, *(accuracy_row(name, scores) for name, scores in rows), sep="\n")
    print(CONFIDENCE, *(confidence_row(name, scores) for name, scores in rows), sep="\n")
