"""Classifies with a model that reads a name and a label together.

An entailment model says whether "This example is {label}." follows from the name; the scores equal
those of transformers' zero-shot-classification pipeline on the same weights, in single-label mode
with the default hypothesis. A reranker says how well the label answers the name as a query. The
(name, label) pairs of all items of a call share batches of similar length.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sidecar.classification.backend import ClassificationItem, Scores, cost_of_names
from sidecar.core.errors import ModelUnavailable
from sidecar.embedding.batching import length_batches
from sidecar.embedding.model_files import content_version, model_folder

HYPOTHESIS: Final = "This example is {}."  # the pipeline's default

# Padded tokens of one forward pass; a GPU needs more for full use.
_BATCH_TOKENS_CPU: Final = 2_048
_BATCH_TOKENS_GPU: Final = 65_536


class CrossEncoderClassifier:
    """Classifies with an entailment model or a reranker; runs one forward pass at a time."""

    def __init__(
        self, kind: Literal["nli", "reranker"], model: str, device: str, threads: int
    ) -> None:
        """Load `model`, a hub id or a folder: float16 on a GPU, float32 on the CPU.

        Raises ModelUnavailable when it can't be loaded, and when it has not the outputs of its
        kind: an entailment class, or a single score.
        """
        torch.set_num_threads(threads)
        on_cpu = device == "cpu"
        try:
            folder = model_folder(model)
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
            self._model: Any = AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=torch.float32 if on_cpu else torch.float16
            )
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"The {kind} model {model} can't be loaded.") from error
        self._model.to(device).eval()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="model")
        if kind == "nli":
            self._column = _entailment_class(model, self._model.config.label2id)
            self._template = HYPOTHESIS
        else:
            if self._model.config.num_labels != 1:
                raise ModelUnavailable(f"The model {model} has more than a reranker's one score.")
            self._column, self._template = 0, "{}"
        self._budget = _BATCH_TOKENS_CPU if on_cpu else _BATCH_TOKENS_GPU
        self.model_id: Final = f"{kind}+{model}"
        self.model_version: Final = content_version(folder)

    def cost(self, items: Sequence[ClassificationItem]) -> int:
        """Return what a call with these items has to read, as `reading_cost` counts it."""
        return cost_of_names(items)

    async def classify(self, items: Sequence[ClassificationItem]) -> list[Scores]:
        """Return scores for each item; a repeated (name, label) pair is computed once."""
        pairs = list(dict.fromkeys((i.name, label) for i in items for label in i.labels))
        values = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._logits, pairs
        )
        logits = dict(zip(pairs, values, strict=True))
        return [
            _scores(item, [logits[item.name, label] for label in item.labels]) for item in items
        ]

    def _logits(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        if not pairs:
            return []
        tokens = self._tokenizer(
            [name for name, _ in pairs],
            [self._template.format(label) for _, label in pairs],
            truncation="only_first",
            padding=False,
        )
        logits = [0.0] * len(pairs)
        for rows in length_batches([len(ids) for ids in tokens["input_ids"]], self._budget):
            batch = {key: [tokens[key][row] for row in rows] for key in tokens}
            padded = self._tokenizer.pad(batch, return_tensors="pt").to(self._model.device)
            with torch.inference_mode():
                values = self._model(**padded).logits[:, self._column].float().tolist()
            for row, logit in zip(rows, values, strict=True):
                logits[row] = logit
        return logits


def _entailment_class(model: str, classes: dict[str, int]) -> int:
    for label, index in classes.items():
        if label.lower().startswith("entail"):
            return index
    raise ModelUnavailable(f"The model {model} has no entailment class.")


def _scores(item: ClassificationItem, logits: Sequence[float]) -> Scores:
    probabilities = torch.tensor(logits, dtype=torch.float64).softmax(dim=0).tolist()
    return dict(zip(item.labels, probabilities, strict=True))
