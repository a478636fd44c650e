"""Accuracy, speed and memory of the receipt reader: `python -m bench.receipts`.

Reads receipts that the project draws (tests/corpus) and, with --folder, a labeled set of scans:
a folder with labels.jsonl ({"id", "merchant", "date", "total", "items"}; "file", if it is not
<id>.jpg) and the images. A field that is null is not counted. The peer is pytesseract in six passes
(three ways to prepare the image, two page modes) and regular expressions; without pytesseract it is
skipped with a message.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from bench.receipt_scores import Score, score_extraction, summary
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import Accuracy, ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import DETECTION_PASSES, read_receipt
from tests.corpus.draw import FONTS, Degradation, draw
from tests.corpus.shops import SHOPS

CONDITIONS: Mapping[str, Degradation] = {
    "drawn, straight": Degradation(noise=5),
    "drawn, 10° skew": Degradation(noise=5, skew=10),
    "drawn, turned 90°": Degradation(noise=5, turns=1),
    "drawn, turned 180°": Degradation(noise=5, turns=2),
    "drawn, turned 270°": Degradation(noise=5, turns=3),
    "drawn, noise, faded, creased": Degradation(noise=22, fade=0.4, creases=2, blur=0.7),
    "drawn, on a table, tilted": Degradation(noise=6, table=True, perspective=0.05, skew=4),
}


PARTS = ("accuracy", "knobs", "speed", "peer")


@dataclass(frozen=True)
class Case:
    """An image file and its label."""

    image: bytes
    label: Mapping[str, Any]


def main() -> None:
    """Parse the arguments, run the selected parts and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.receipts", description=__doc__)
    parser.add_argument("--folder", type=Path, help="a labeled set of scans")
    parser.add_argument("--rounds", type=int, default=3, help="drawn receipts of each shop")
    parser.add_argument("--peer", type=int, default=12, help="receipts the peer reads")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["accuracy", "speed", "peer"])
    arguments = parser.parse_args()

    scans = list(load_cases(arguments.folder)) if arguments.folder else []
    straight = draw_cases(CONDITIONS["drawn, straight"], arguments.rounds)
    cases = scans or straight
    if "accuracy" in arguments.parts:
        print(_HEADING)
        if scans:
            measure_accuracy("labeled scans", scans, "default")
        for name, degradation in CONDITIONS.items():
            measure_accuracy(name, draw_cases(degradation, arguments.rounds), "default")
    if "knobs" in arguments.parts:
        print(_HEADING)
        for accuracy in DETECTION_PASSES:
            measure_accuracy(f"accuracy={accuracy}", cases, accuracy)
    if "speed" in arguments.parts:
        measure_speed(cases[:40])
    if "peer" in arguments.parts:
        compare_with_tesseract(cases[: arguments.peer])


_HEADING = """
| receipts | n | total | date | merchant | all three | item F1 (by price) | seconds |
|---|---|---|---|---|---|---|---|"""


def load_cases(folder: Path) -> Iterator[Case]:
    """Yield the cases of a labeled folder, in the order of its labels."""
    with (folder / "labels.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            label = json.loads(line)
            file = label.get("file") or f"{label['id']}.jpg"
            yield Case((folder / file).read_bytes(), label)


def draw_cases(degradation: Degradation, rounds: int) -> list[Case]:
    """Return `rounds` receipts of every shop, degraded; the same ones at each call."""
    cases = []
    for number in range(rounds * len(SHOPS)):
        rng = random.Random(1000 + number)
        printed = SHOPS[number % len(SHOPS)](rng)
        font = FONTS[number // 3 % len(FONTS)]
        picture = draw(printed, rng, degradation, font, size=rng.choice((18, 22, 26)))
        _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
        cases.append(Case(file.tobytes(), printed.label()))
    return cases


def measure_accuracy(name: str, cases: Sequence[Case], accuracy: Accuracy) -> None:
    """Print a row with accuracy and seconds, of one process on two threads."""
    ocr, options = engine(2), ReceiptOptions(accuracy=accuracy)
    scores: list[Score] = []
    seconds = []
    for case in cases:
        start = time.perf_counter()
        extraction = read_receipt(case.image, options, ocr, ImageLimits())
        seconds.append(time.perf_counter() - start)
        scores.append(score_extraction(extraction, case.label))
    row = summary(scores)
    print(
        f"| {name} | {len(cases)} | {row['total']:.1f} | {row['date']:.1f} | {row['merchant']:.1f}"
        f" | {row['all three']:.1f} | {row['item F1']:.3f} ({row['by price']:.3f})"
        f" | {np.mean(seconds):.2f} |",
        flush=True,
    )


def measure_speed(cases: Sequence[Case]) -> None:
    """Print receipts a minute of one and of two workers, and a worker's memory."""
    alone = _in_workers(cases, workers=1, threads=2)
    parallel = _in_workers(cases, workers=2, threads=1)
    print("\n| workers | threads each | receipts a minute | peak memory of a worker (MB) |")
    print("|---|---|---|---|")
    for workers, threads, (rate, memory) in ((1, 2, alone), (2, 1, parallel)):
        print(f"| {workers} | {threads} | {rate:.0f} | {memory:.0f} |", flush=True)


def _in_workers(cases: Sequence[Case], *, workers: int, threads: int) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        warm = [pool.submit(_read, cases[0].image, threads) for _ in range(4 * workers)]
        concurrent.futures.wait(warm)
        start = time.perf_counter()
        memory = list(pool.map(_read, [case.image for case in cases], [threads] * len(cases)))
        elapsed = time.perf_counter() - start
    return 60 * len(cases) / elapsed, max(memory)


def _read(image: bytes, threads: int) -> float:
    """Read a receipt; return the process's resident memory in MB afterwards."""
    read_receipt(image, ReceiptOptions(), engine(threads), ImageLimits())
    return float(psutil.Process().memory_info().rss) / 1e6


def compare_with_tesseract(cases: Sequence[Case]) -> None:
    """Print the peer's time relative to the reader's, on the same receipts in the same run."""
    try:
        import pytesseract

        pytesseract.get_tesseract_version()
    except (ImportError, OSError) as missing:
        print(f"\nThe peer was not measured: pytesseract or tesseract is missing ({missing}).")
        return
    ocr = engine(2)
    start = time.perf_counter()
    for case in cases:
        read_receipt(case.image, ReceiptOptions(), ocr, ImageLimits())
    own = time.perf_counter() - start
    start = time.perf_counter()
    right = sum(_peer_total(case.image, pytesseract) == case.label["total"] for case in cases)
    other = time.perf_counter() - start
    print(f"\nThe peer takes {other / own:.1f} times as long; its totals: {right} of {len(cases)}.")


def _peer_total(image: bytes, pytesseract: Any) -> str | None:
    """Return the last amount on a line with TOTAL, from the longest text of six passes."""
    gray = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert gray is not None
    _, otsu = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    local = cv2.adaptiveThreshold(
        gray, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 31, 15
    )
    texts = [
        pytesseract.image_to_string(picture, config=f"--psm {mode}")
        for picture in (gray, otsu, local)
        for mode in (4, 6)
    ]
    totals = re.findall(r"(?im)^.*\btotal\b.*?(\d+\.\d{2})\D*$", max(texts, key=len))
    return totals[-1] if totals else None


if __name__ == "__main__":
    main()
