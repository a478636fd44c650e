"""Writes the golden set: `python -m tests.corpus.golden` draws thirty receipts and their labels.

The images are committed, so changes of fonts or of the drawing do not affect the tests.
"""

import json
import random
from pathlib import Path

import cv2

from tests.corpus.draw import FONTS, Degradation, draw
from tests.corpus.shops import SHOPS

FOLDER = Path(__file__).parent / "golden"
_COUNT = 30
_DEGRADATIONS = (
    Degradation(noise=4),
    Degradation(noise=8, skew=6),
    Degradation(noise=14, fade=0.35, creases=1),
    Degradation(noise=4, turns=1),
    Degradation(noise=6, skew=-10),
    Degradation(noise=5, table=True, perspective=0.04, skew=3),
    Degradation(noise=4, turns=2),
    Degradation(noise=10, blur=0.8, fade=0.2),
    Degradation(noise=4, turns=3, skew=4),
)


def main() -> None:
    """Draw the set; every call draws the same."""
    FOLDER.mkdir(exist_ok=True)
    labels = []
    for number in range(_COUNT):
        rng = random.Random(number)
        printed = SHOPS[number % len(SHOPS)](rng)
        degradation = _DEGRADATIONS[number % len(_DEGRADATIONS)]
        picture = draw(
            printed, rng, degradation, FONTS[number % len(FONTS)], size=rng.choice((18, 21))
        )
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        name = f"{number:02}-{printed.shop}"
        cv2.imwrite(str(FOLDER / f"{name}.jpg"), gray, [cv2.IMWRITE_JPEG_QUALITY, 60])
        labels.append({"id": name, **printed.label()})
    lines = (json.dumps(label, ensure_ascii=False) for label in labels)
    (FOLDER / "labels.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
