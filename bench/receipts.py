"""How right, how fast and how large the receipt reader is: `python -m bench.receipts`.

Reads receipts that the project draws (tests/corpus) and, with --folder, a labelled set of scans:
a folder with labels.jsonl ({"id", "merchant", "date", "total", "items"}; "file", if it is not
<id>.jpg) and the images. A field that is null is not counted. The peer is
pytesseract in six passes (three ways to prepare the image, two page modes) and regular
expressions; it is left out, and the table says so, where pytesseract is not installed.
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

from bench.receipt_scores import Score, score, summary
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import Accuracy, ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import DETECTION_PASSES, read_receipt
from tests.corpus.draw import FONTS, Spoil, draw
from tests.corpus.shops import SHOPS

CONDITIONS: Mapping[str, Spoil] = {
    "drawn, straight": Spoil(noise=5),
    "drawn, 10° skew": Spoil(noise=5, skew=10),
    "drawn, turned 90°": Spoil(noise=5, turns=1),
    "drawn, turned 180°": Spoil(noise=5, turns=2),
    "drawn, turned 270°": Spoil(noise=5, turns=3),
    "drawn, noise, faded, creased": Spoil(noise=22, fade=0.4, creases=2, blur=0.7),
    "drawn, on a table, tilted": Spoil(noise=6, table=True, perspective=0.05, skew=4),
}


PARTS = ("accuracy", "knobs", "speed", "peer")


@dataclass(frozen=True)
class Case:
    """An image file and what it says."""

    image: bytes
    label: Mapping[str, Any]


def main() -> None:
    """Parse the arguments, run what they ask for and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.receipts", description=__doc__)
    parser.add_argument("--folder", type=Path, help="a labelled set of scans")
    parser.add_argument("--rounds", type=int, default=3, help="drawn receipts of each shop")
    parser.add_argument("--peer", type=int, default=12, help="receipts the peer reads")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["accuracy", "speed", "peer"])
    arguments = parser.parse_args()

    scans = list(labelled(arguments.folder)) if arguments.folder else []
    straight = drawn(CONDITIONS["drawn, straight"], arguments.rounds)
    cases = scans or straight
    if "accuracy" in arguments.parts:
        print(_HEADING)
        if scans:
            measure("labelled scans", scans, "default")
        for name, spoil in CONDITIONS.items():
            measure(name, drawn(spoil, arguments.rounds), "default")
    if "knobs" in arguments.parts:
        print(_HEADING)
        for accuracy in DETECTION_PASSES:
            measure(f"accuracy={accuracy}", cases, accuracy)
    if "speed" in arguments.parts:
        speed(cases[:40])
    if "peer" in arguments.parts:
        peer(cases[: arguments.peer])


_HEADING = """
| receipts | n | total | date | merchant | all three | item F1 (by price) | seconds |
|---|---|---|---|---|---|---|---|"""


def labelled(folder: Path) -> Iterator[Case]:
    """The cases of a labelled folder, in the order of its labels."""
    with (folder / "labels.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            label = json.loads(line)
            file = label.get("file") or f"{label['id']}.jpg"
            yield Case((folder / file).read_bytes(), label)


def drawn(spoil: Spoil, rounds: int) -> list[Case]:
    """Receipts of every shop, `rounds` of each, spoiled that way; the same ones at each call."""
    cases = []
    for number in range(rounds * len(SHOPS)):
        rng = random.Random(1000 + number)
        printed = SHOPS[number % len(SHOPS)](rng)
        font = FONTS[number // 3 % len(FONTS)]
        picture = draw(printed, rng, spoil, font, size=rng.choice((18, 22, 26)))
        _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
        cases.append(Case(file.tobytes(), printed.label()))
    return cases


def measure(name: str, cases: Sequence[Case], accuracy: Accuracy) -> None:
    """One row: how right and how fast, alone on two threads."""
    ocr, options = engine(2), ReceiptOptions(accuracy=accuracy)
    scores: list[Score] = []
    seconds = []
    for case in cases:
        start = time.perf_counter()
        extraction = read_receipt(case.image, options, ocr, ImageLimits())
        seconds.append(time.perf_counter() - start)
        scores.append(score(extraction, case.label))
    row = summary(scores)
    print(
        f"| {name} | {len(cases)} | {row['total']:.1f} | {row['date']:.1f} | {row['merchant']:.1f}"
        f" | {row['all three']:.1f} | {row['item F1']:.3f} ({row['by price']:.3f})"
        f" | {np.mean(seconds):.2f} |",
        flush=True,
    )


def speed(cases: Sequence[Case]) -> None:
    """Receipts a minute alone and two side by side, and what a worker weighs."""
    alone = _in_workers(cases, workers=1, threads=2)
    both = _in_workers(cases, workers=2, threads=1)
    print("\n| workers | threads each | receipts a minute | most memory of a worker (MB) |")
    print("|---|---|---|---|")
    for workers, threads, (rate, memory) in ((1, 2, alone), (2, 1, both)):
        print(f"| {workers} | {threads} | {rate:.0f} | {memory:.0f} |", flush=True)


def _in_workers(cases: Sequence[Case], *, workers: int, threads: int) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        warm = [pool.submit(_read, cases[0].image, threads) for _ in range(4 * workers)]
        concurrent.futures.wait(warm)
        start = time.perf_counter()
        weights = list(pool.map(_read, [case.image for case in cases], [threads] * len(cases)))
        elapsed = time.perf_counter() - start
    return 60 * len(cases) / elapsed, max(weights)


def _read(image: bytes, threads: int) -> float:
    """Reads a receipt; the process's resident memory in MB afterwards."""
    read_receipt(image, ReceiptOptions(), engine(threads), ImageLimits())
    return float(psutil.Process().memory_info().rss) / 1e6


def peer(cases: Sequence[Case]) -> None:
    """The peer's speed against the reader's, on the same receipts in the same run."""
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
    """Six passes, the longest text wins, the last amount on a line with TOTAL is the total."""
    grey = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    _, otsu = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    local = cv2.adaptiveThreshold(
        grey, 255, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 31, 15
    )
    texts = [
        pytesseract.image_to_string(picture, config=f"--psm {mode}")
        for picture in (grey, otsu, local)
        for mode in (4, 6)
    ]
    totals = re.findall(r"(?im)^.*\btotal\b.*?(\d+\.\d{2})\D*$", max(texts, key=len))
    return totals[-1] if totals else None


if __name__ == "__main__":
    main()
