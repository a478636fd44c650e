"""Accuracy, speed and memory of the receipt reader: `python -m bench.receipts`.

Reads receipts that the project draws (tests/corpus) and, with --folder, a labeled set of scans:
a folder with labels.jsonl ({"id", "merchant", "date", "total", "currency", "items"}; "file", if it
is not <id>.jpg) and the images. A field that is null is not counted. The peer is pytesseract in six
passes (three ways to prepare the image, two page modes) and regular expressions; without
pytesseract it is skipped with a message.

With --texts or --boxes, reads labeled receipts that are given as text instead, without images: JSON
lines with "id", "source", "text" or "lines", and the labels. The package's model may have learned
from them. How well receipts are read that it has not seen, only --predictions tell: the readings
that training cross-validated.
"""

import argparse
import concurrent.futures
import json
import multiprocessing
import os
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
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.receipt_scores import Score, score_extraction, score_reading, summary
from bench.receipt_texts import (
    Readings,
    load_examples,
    load_readings,
    print_tables,
    read_examples,
    score_examples,
    write_readings,
)
from sidecar.receipts.ocr.engine import engine
from sidecar.receipts.options import Accuracy, ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.reader import DETECTION_PASSES, read_receipt
from tests.corpus.draw import FONTS, Degradation, draw
from tests.corpus.shops import CYRILLIC_SHOPS, SHOPS, Shop

CONDITIONS: Mapping[str, Degradation] = {
    "drawn, straight": Degradation(noise=5),
    "drawn, 10° skew": Degradation(noise=5, skew=10),
    "drawn, turned 90°": Degradation(noise=5, turns=1),
    "drawn, turned 180°": Degradation(noise=5, turns=2),
    "drawn, turned 270°": Degradation(noise=5, turns=3),
    "drawn, noise, faded, creased": Degradation(noise=22, fade=0.4, creases=2, blur=0.7),
    "drawn, on a table, tilted": Degradation(noise=6, table=True, perspective=0.05, skew=4),
}


PARTS = ("accuracy", "cyrillic", "knobs", "speed", "peer")


@dataclass(frozen=True)
class Case:
    """An image file and its label."""

    image: bytes
    label: Mapping[str, Any]


def main() -> None:
    """Parse the arguments, run the selected parts and print their tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.receipts", description=__doc__)
    parser.add_argument("--folder", type=Path, help="a labeled set of scans")
    parser.add_argument("--texts", type=Path, action="append", default=[], help="labeled texts")
    parser.add_argument("--boxes", type=Path, action="append", default=[], help="labeled boxes")
    parser.add_argument("--predictions", type=Path, help="readings to score, instead of reading")
    parser.add_argument("--out", type=Path, help="where to write the readings of a labeled set")
    parser.add_argument("--rounds", type=int, default=3, help="drawn receipts of each shop")
    parser.add_argument("--peer", type=int, default=12, help="receipts the peer reads")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["accuracy", "speed", "peer"])
    arguments = parser.parse_args()
    labeled = arguments.texts or arguments.boxes
    if arguments.predictions and not (labeled or arguments.folder):
        parser.error("--predictions need labels: --texts, --boxes or --folder")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the workers, as in the service
    with threadpool_limits(1, user_api="blas"):
        if labeled or arguments.predictions:
            measure_texts(arguments)
        else:
            measure_images(arguments)


def measure_texts(arguments: argparse.Namespace) -> None:
    """Read labeled texts, or take the readings of --predictions, and print how right they are."""
    examples = load_examples(arguments.texts, arguments.boxes)
    if arguments.predictions:
        readings = load_readings(arguments.predictions)
    else:
        readings = read_examples(examples)
    if arguments.out:
        write_readings(arguments.out, readings)
    if examples:
        score_examples(examples, readings)
    if arguments.folder and arguments.predictions:
        labels = [case.label for case in load_cases(arguments.folder)]
        scores = [score_reading(readings.get(label["id"], {}), label) for label in labels]
        print_tables([("labeled scans", scores)])


def measure_images(arguments: argparse.Namespace) -> None:
    """Run the selected parts on labeled scans and on drawn receipts."""
    scans = list(load_cases(arguments.folder)) if arguments.folder else []
    straight = draw_cases(CONDITIONS["drawn, straight"], arguments.rounds)
    cases = scans or straight
    sets: dict[str, Sequence[Case]] = {}
    if "accuracy" in arguments.parts:
        sets |= {"labeled scans": scans} if scans else {}
        for name, degradation in CONDITIONS.items():
            sets[name] = draw_cases(degradation, arguments.rounds)
    if "cyrillic" in arguments.parts:
        sets |= {
            f"{shop.__name__}: {name}": draw_cases(
                degradation, arguments.rounds, (shop,), FONTS[:3]
            )
            for shop in CYRILLIC_SHOPS
            for name, degradation in CONDITIONS.items()
            if "turned" not in name
        }
    if sets:
        readings = measure_accuracy({name: (c, "default") for name, c in sets.items() if c})
        if arguments.out:
            write_readings(arguments.out, readings)
    if "knobs" in arguments.parts:
        measure_accuracy({f"accuracy={knob}": (cases, knob) for knob in DETECTION_PASSES})
    if "speed" in arguments.parts:
        measure_speed(cases[:40])
    if "peer" in arguments.parts:
        compare_with_tesseract(cases[: arguments.peer])


def load_cases(folder: Path) -> Iterator[Case]:
    """Yield the cases of a labeled folder, in the order of its labels."""
    with (folder / "labels.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            label = json.loads(line)
            file = label.get("file") or f"{label['id']}.jpg"
            yield Case((folder / file).read_bytes(), label)


def draw_cases(
    degradation: Degradation,
    rounds: int,
    shops: Sequence[Shop] = SHOPS,
    fonts: Sequence[str] = FONTS,
) -> list[Case]:
    """Return `rounds` receipts of every shop, degraded; the same ones at each call."""
    cases = []
    for number in range(rounds * len(shops)):
        rng = random.Random(1000 + number)
        printed = shops[number % len(shops)](rng)
        font = fonts[number // 3 % len(fonts)]
        picture = draw(printed, rng, degradation, font, size=rng.choice((18, 22, 26)))
        _, file = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
        cases.append(Case(file.tobytes(), printed.label()))
    return cases


def measure_accuracy(sets: Mapping[str, tuple[Sequence[Case], Accuracy]]) -> Readings:
    """Print the tables of one process on two threads, a row for each set; return the readings of
    the cases with an id.
    """
    ocr = engine(2)
    rows: list[tuple[str, list[Score]]] = []
    times: list[str] = []
    readings = {}
    for name, (cases, accuracy) in sets.items():
        options = ReceiptOptions(accuracy=accuracy)
        scores: list[Score] = []
        seconds = []
        for case in cases:
            start = time.perf_counter()
            extraction = read_receipt(case.image, options, ocr, ImageLimits())
            seconds.append(time.perf_counter() - start)
            scores.append(score_extraction(extraction, case.label))
            if "id" in case.label:
                readings[str(case.label["id"])] = extraction.nested()
        rows.append((name, scores))
        all_three = summary(scores)["all three"]
        times.append(f"| {name} | {all_three:.1f} | {np.mean(seconds):.2f} | {max(seconds):.2f} |")
    print_tables(rows)
    print(
        "\n| receipts | all three | seconds (mean) | (worst) |\n|---|---|---|---|", *times, sep="\n"
    )
    return readings


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
