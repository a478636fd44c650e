"""Fits the Cyrillic head: `python -m sidecar.receipts.training.cyrillic`.

    python -m sidecar.receipts.training.cyrillic --fonts FOLDER --apart FOLDER \
      --keep FOLDER --out sidecar/receipts/data/cyrillic_head.npz

Draws lines in the fonts of --fonts (once or more often), takes the recognizer's features of each,
and trains the head on them by CTC (Graves 2006). Then it reads lines in the fonts of --apart, and
prints the errors. docs/receipt-model.md says which fonts the package's head has learned from.
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn

from sidecar.receipts.ocr.crops import batch_of, padded_width
from sidecar.receipts.ocr.cyrillic import ALPHABET, FOREIGN, LETTERS, NEAR, CyrillicHead, joined
from sidecar.receipts.ocr.fast_recognizer import FEATURES, fast_model
from sidecar.receipts.training.cyrillic_texts import LineComposer
from sidecar.receipts.training.drawn_lines import LineDrawer, fonts_in

HIDDEN = 160
_CHUNK = 6000  # lines that are drawn and kept together
_BATCH = 32
_RATE = 6e-3
_DROPPED = 0.12

_logger = logging.getLogger(__name__)
_CLASSES = {sign: number for number, sign in enumerate(ALPHABET) if sign}


@dataclass(frozen=True)
class Lines:
    """Drawn lines: the features of all, one after the other, and the text of each."""

    features: npt.NDArray[np.float16]
    """Shape (steps of all lines, FEATURES)."""
    steps: npt.NDArray[np.int64]
    texts: Sequence[str]

    def __iter__(self) -> Iterator[tuple[npt.NDArray[np.float32], str]]:
        ends = np.cumsum(self.steps)
        for end, steps, text in zip(ends, self.steps, self.texts, strict=True):
            yield self.features[end - steps : end].astype(np.float32), text


def draw(fonts: Sequence[Path], count: int, seed: int, kept: Path) -> Lines:
    """Draw lines and take their features; those that were kept in a file are loaded."""
    if not kept.is_file():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        model = onnxruntime.InferenceSession(
            fast_model(), options, providers=["CPUExecutionProvider"]
        )
        composer, drawer = LineComposer(seed), LineDrawer(fonts, seed)
        features: list[npt.NDArray[np.float16]] = []
        texts: list[str] = []
        while len(texts) < count:
            text = composer.line()
            line = drawer.draw(text)
            if line is None:
                continue
            _, *outputs = model.run(None, {"x": batch_of([line], padded_width(line))})
            features.append(joined(*outputs).astype(np.float16))
            texts.append(text)
        steps = [len(of) for of in features]
        np.savez(kept, F=np.concatenate(features), L=np.array(steps), T=np.array(texts))
    with np.load(kept, allow_pickle=False) as arrays:
        return Lines(arrays["F"], arrays["L"], arrays["T"].tolist())


def train(lines: Sequence[tuple[npt.NDArray[np.float32], str]], epochs: int) -> "Head":
    """Train a head: AdamW, one cycle of the learning rate."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    every = np.concatenate([features for features, _ in lines[:1500]])
    head = Head(every.mean(axis=0), every.std(axis=0) + 1e-3)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=1e-2)
    by_length = sorted(range(len(lines)), key=lambda index: len(lines[index][0]))
    batches = [by_length[start : start + _BATCH] for start in range(0, len(lines), _BATCH)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=epochs * len(batches)
    )
    for epoch in range(epochs):
        losses = []
        for number in random.permutation(len(batches)):
            batch = [lines[index] for index in batches[number]]
            classes = [classes_of(text) for _, text in batch]
            steps = torch.tensor([len(features) for features, _ in batch])
            scores = head(scaled([features for features, _ in batch], head))
            loss = nn.functional.ctc_loss(
                scores.log_softmax(-1).transpose(0, 1),
                torch.tensor([of for line in classes for of in line]),
                steps,
                torch.tensor([len(line) for line in classes]),
                zero_infinity=True,
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        _logger.info("epoch %d: loss %.3f", epoch + 1, np.mean(losses))
    return head.eval()


class Head(nn.Module):
    """The head in torch, for training; ocr/cyrillic.py runs the same in numpy."""

    def __init__(self, mean: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]) -> None:
        super().__init__()
        self.mean, self.scale = mean, scale
        self.step = nn.Linear(FEATURES, HIDDEN)
        self.near = nn.Conv1d(HIDDEN, HIDDEN, NEAR, padding=NEAR // 2)
        self.out = nn.Linear(HIDDEN, len(ALPHABET))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (lines, steps, classes) of scaled features (lines, steps, FEATURES)."""
        hidden = self._dropped(torch.relu(self.step(self._dropped(features))))
        near = torch.relu(self.near(hidden.transpose(1, 2))).transpose(1, 2)
        logits: Tensor = self.out(self._dropped(hidden + near))
        return logits

    def _dropped(self, values: Tensor) -> Tensor:
        return nn.functional.dropout(values, _DROPPED, self.training)

    def arrays(self) -> dict[str, npt.NDArray[np.float16]]:
        """Return the weights by name, as the file keeps them."""
        state = {name: array.detach().numpy() for name, array in self.state_dict().items()}
        step = state["step.weight"].T / self.scale[:, None]
        arrays = {
            "step": step,
            "step_bias": state["step.bias"] - self.mean @ step,
            "near": state["near.weight"].transpose(2, 1, 0).reshape(-1, HIDDEN),
            "near_bias": state["near.bias"],
            "out": state["out.weight"].T,
            "out_bias": state["out.bias"],
        }
        return {name: array.astype(np.float16) for name, array in arrays.items()}


def classes_of(text: str) -> list[int]:
    """Return the classes of a text's characters; letters of other scripts have one in common."""
    signs = ((sign if sign in _CLASSES or not sign.isalpha() else FOREIGN) for sign in text)
    return [_CLASSES[sign] for sign in signs if sign in _CLASSES]


def scaled(features: Sequence[npt.NDArray[np.float32]], head: Head) -> Tensor:
    """Return lines of features as one batch, shifted and scaled, shorter ones padded with 0."""
    padded = np.zeros((len(features), max(map(len, features)), FEATURES), dtype=np.float32)
    for row, of in enumerate(features):
        padded[row, : len(of)] = (of - head.mean) / head.scale
    return torch.from_numpy(padded)


def errors(head: CyrillicHead, lines: Lines) -> tuple[float, float]:
    """Return the character error rate of lines with Cyrillic letters, and the share read right."""
    wrong = length = right = count = 0
    for features, text in lines:
        if not set(text) & set(LETTERS):
            continue
        best = head.probabilities(features).argmax(axis=1).tolist()
        read = [of for of, before in zip(best, [0, *best], strict=False) if of not in (0, before)]
        truth = classes_of(text)
        distance = Levenshtein.distance(read, truth)
        wrong, length = wrong + distance, length + len(truth)
        right, count = right + (distance == 0), count + 1
    return wrong / length, right / count


def main() -> None:
    """Parse the arguments, draw, train, measure, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.receipts.training.cyrillic")
    parser.add_argument("--fonts", type=Path, action="append", required=True)
    parser.add_argument("--apart", type=Path, action="append", required=True)
    parser.add_argument("--chunks", type=int, default=2, help=f"times {_CHUNK} lines to learn from")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--keep", type=Path, required=True, help="a folder for drawn lines")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    fonts, apart = (fonts_in(paths, LETTERS) for paths in (arguments.fonts, arguments.apart))
    lines = [
        line
        for seed in range(1, arguments.chunks + 1)
        for line in draw(fonts, _CHUNK, seed, arguments.keep / f"lines-{seed}.npz")
    ]
    head = train(lines, arguments.epochs)
    arrays = head.arrays()
    np.savez_compressed(arguments.out, allow_pickle=False, **arrays)
    loaded = CyrillicHead({name: array.astype(np.float32) for name, array in arrays.items()})
    measured = draw(apart, 1200, 2, arguments.keep / "apart.npz")
    rate, share = errors(loaded, measured)
    _logger.info("kept apart: character error rate %.4f, lines right %.3f", rate, share)


if __name__ == "__main__":
    main()
