"""Labeled receipts: as text, as boxes of text, as scans that the recognizer reads, as tills."""

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.ocr.layout import Row, rows_of
from sidecar.receipts.text_rows import rows_from_text
from sidecar.receipts.types import Glyph, Text

_SHOP_LETTERS = 7  # of a shop's name: branches and misreadings of one shop are one group


@dataclass(frozen=True)
class Example:
    """A receipt's rows and its truth: source, merchant, date, currency, total and items."""

    rows: Sequence[Row]
    truth: Mapping[str, Any]

    @property
    def source(self) -> str:
        return str(self.truth["source"])

    @property
    def text(self) -> str:
        return "\n".join(row.text for row in self.rows)

    def fold_of(self, count: int) -> int:
        """Return the fold of the receipt's shop. Without a merchant it is the start of the id that
        counts: a source's receipts without a name stay together, and no shop is on both sides.
        """
        shop = re.sub(r"\W", "", fold(self.truth.get("merchant") or self.truth["id"]))
        return zlib.crc32(shop[:_SHOP_LETTERS].encode()) % count


def from_texts(path: Path) -> Iterator[Example]:
    """Yield receipts of a JSON-lines file with `text` and the fields of the truth."""
    for truth in map(json.loads, path.read_text("utf-8").splitlines()):
        yield Example(rows_from_text(truth["text"]), truth)


def from_boxes(path: Path) -> Iterator[Example]:
    """Yield receipts of a JSON-lines file with `lines`: texts with the corners of their boxes."""
    for truth in map(json.loads, path.read_text("utf-8").splitlines()):
        texts = [_text(line["text"], line["box"]) for line in truth["lines"] if line["text"]]
        yield Example(rows_of(texts), truth)


def _text(text: str, box: Sequence[float]) -> Text:
    corners = tuple((float(box[i]), float(box[i + 1])) for i in range(0, 8, 2))
    glyphs = (Glyph(c, 1.0, (n + 0.5) / len(text)) for n, c in enumerate(text))
    return Text(corners, tuple(glyphs))


def from_scans(folder: Path, source: str) -> Iterator[Example]:
    """Yield the scans of a folder with labels.jsonl, as the recognizer reads them."""
    from sidecar.receipts.ocr.engine import engine
    from sidecar.receipts.options import ReceiptOptions
    from sidecar.receipts.pages.decode import ImageLimits
    from sidecar.receipts.reader import first_rows

    for truth in map(json.loads, (folder / "labels.jsonl").read_text("utf-8").splitlines()):
        image = (folder / truth.get("file", f"{truth['id']}.jpg")).read_bytes()
        rows = first_rows(image, ReceiptOptions(), engine(2), ImageLimits())
        yield Example(rows, {**truth, "source": source})


def from_tills(folder: Path) -> Iterator[Example]:
    """Yield receipts of text files: as printed, "=====", and what a person reads there."""
    for file in sorted(folder.glob("*.txt")):
        text, _, read = file.read_text("utf-8").partition("\n=====\n")
        truth: dict[str, Any] = {"id": file.stem, "source": "tills", "merchant": None, "items": []}
        for line in read.strip().splitlines():
            if "|" in line:
                name, quantity, price = (part.strip() for part in line.split("|")[:3])
                item = {"name": name, "quantity": quantity.split()[0], "total_price": price}
                truth["items"].append(item)
            elif line.startswith("total "):
                truth["total"] = line.split()[1]
        yield Example(rows_from_text(text), {**truth, "text": text})
