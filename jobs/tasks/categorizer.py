"""Sorts names into a tenant's categories: the tenant's corrections first, then the classifier."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from cachetools import TTLCache

from jobs.storage.feedback import FeedbackStore
from sidecar.classification.backend import (
    ClassificationItem,
    ClassificationResult,
    Prediction,
    Scores,
    primary_language,
)
from sidecar.classification.corrections import (
    CategoryCorrection,
    CorrectionIndex,
    build_index,
    index_labels,
)
from sidecar.core.micro_batcher import MicroBatcher
from sidecar.receipts.corrections.kinds import CorrectionKind

#: Corrections that are cached, over all tenants: some 80 MB, 220 MB of the longest names. A tenant
#: has at most a fifth of them.
_MAX_CACHED_CORRECTIONS: Final = 100_000
#: Characters of names that are matched with corrections in the event loop, some 2 ms; longer
#: batches, and indexes, are for a thread.
_MAX_INLINE_CHARACTERS: Final = 500
#: Threads for that. With more, the event loop would wait longer for the GIL.
_THREADS: Final = 2
#: Seconds after its last request for which a tenant's corrections stay cached: the tenant may have
#: been erased.
_TENANT_TTL_S: Final = 600.0
#: Largest request, in names, that shares a call to the classifier; a larger one would delay others.
_MAX_BATCHED_NAMES: Final = 8
#: Scores that are cached, over all names: some 20 MB.
_MAX_CACHED_SCORES: Final = 200_000
#: Seconds for which a prediction is cached; a model that was replaced is noticed by then.
_PREDICTION_TTL_S: Final = 600.0
_CORRECTIONS_MODEL: Final = "corrections"
_NO_CORRECTIONS: Final = build_index(())

T = TypeVar("T")

Classify = Callable[[Sequence[ClassificationItem]], Awaitable[ClassificationResult]]
"""Scores items; equal names equally."""

_Model = tuple[str, str]  # id and version
_Scored = tuple[Sequence[Scores], _Model]


@dataclass(frozen=True, slots=True)
class CategorizationResult:
    """A prediction per name, in order, and the model behind them.

    When corrections decided every name, the model is "corrections" and its version the latest of
    them.
    """

    predictions: Sequence[Prediction]
    model_id: str
    model_version: str


class PredictionCache:
    """A least-recently-used cache of one model's scores, with a time to live of 600 s."""

    def __init__(
        self,
        *,
        max_scores: int = _MAX_CACHED_SCORES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create an empty cache of at most `max_scores` scores; `clock` returns seconds."""
        self._scores: TTLCache[ClassificationItem, Scores] = TTLCache(
            max_scores, _PREDICTION_TTL_S, timer=clock, getsizeof=len
        )
        self.model: _Model = ("", "")

    def get(self, item: ClassificationItem) -> Scores | None:
        """Return the cached scores of the item, or None."""
        return self._scores.get(item)

    def add(self, item: ClassificationItem, scores: Scores, model: _Model) -> None:
        """Cache what `model` scored; the scores of another model are dropped."""
        if model != self.model:
            self._scores.clear()
            self.model = model
        if len(scores) <= self._scores.maxsize:
            self._scores[item] = scores


class Categorizer:
    """Predicts categories for tenants, with caches of predictions and corrections.

    For one event loop.
    """

    def __init__(
        self,
        classify: Classify,
        feedback: FeedbackStore,
        cache: PredictionCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`classify` must score equal names equally; `clock` returns seconds."""
        self._classify = classify
        self._small_requests = MicroBatcher(self._classify_concatenated)
        self._feedback = feedback
        self._cache = cache or PredictionCache()
        self._corrections: TTLCache[str, tuple[str, CorrectionIndex]] = TTLCache(
            _MAX_CACHED_CORRECTIONS,
            _TENANT_TTL_S,
            timer=clock,
            getsizeof=lambda cached: 1 + len(cached[1].keys_by_name),
        )
        self._reading: dict[str, asyncio.Task[tuple[str, CorrectionIndex]]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="corrections")

    async def categorize(
        self,
        tenant_id: str,
        names: Sequence[str],
        labels: tuple[str, ...],
        language: str | None = None,
    ) -> CategorizationResult:
        """Predict the label of each name. `language` is a hint, a BCP 47 tag.

        Raises:
            DatabaseUnavailable: when the tenant's corrections can't be read.
            ServiceError: whatever the classifier raises.
        """
        items = [ClassificationItem(name, labels, primary_language(language)) for name in names]
        # The classifier is called while the database is checked for newer corrections: those that
        # are cached are nearly always all there are.
        _, cached = self._corrections.get(tenant_id, ("", _NO_CORRECTIONS))
        corrected = await self._apply_corrections(items, cached)
        read, scored = await asyncio.gather(
            self._current_corrections(tenant_id),
            self._score(_uncorrected(items, corrected)),
            return_exceptions=True,
        )
        if isinstance(read, BaseException):
            raise read
        version, corrections = read
        if corrections is not cached:
            corrected = await self._apply_corrections(items, corrections)
        uncorrected = _uncorrected(items, corrected)
        if not uncorrected:
            return CategorizationResult(list(filter(None, corrected)), _CORRECTIONS_MODEL, version)
        if corrections is not cached:
            scored = await self._score(uncorrected)
        if isinstance(scored, BaseException):
            raise scored
        scores, model = scored
        remaining = iter(scores)
        predictions = [
            prediction or Prediction(next(remaining), "classifier") for prediction in corrected
        ]
        return CategorizationResult(predictions, *model)

    async def _score(self, items: Sequence[ClassificationItem]) -> _Scored:
        known = {item: hit for item in items if (hit := self._cache.get(item)) is not None}
        model = self._cache.model
        new = [item for item in dict.fromkeys(items) if item not in known]
        if new:
            scores, new_model = await (
                self._small_requests.submit(new)
                if len(new) <= _MAX_BATCHED_NAMES
                else self._classify_items(new)
            )
            for item, item_scores in zip(new, scores, strict=True):
                self._cache.add(item, item_scores, new_model)
            if known and new_model != model:  # the model was replaced: what is known is outdated
                return await self._score(items)
            model = new_model
            known |= dict(zip(new, scores, strict=True))
        return [known[item] for item in items], model

    async def _classify_items(self, items: Sequence[ClassificationItem]) -> _Scored:
        result = await self._classify(items)
        return result.scores, (result.model_id, result.model_version)

    async def _classify_concatenated(
        self, requests: Sequence[Sequence[ClassificationItem]]
    ) -> Sequence[_Scored]:
        scores, model = await self._classify_items([item for items in requests for item in items])
        remaining = iter(scores)
        return [([next(remaining) for _ in items], model) for items in requests]

    async def _current_corrections(self, tenant_id: str) -> tuple[str, CorrectionIndex]:
        """Return the tenant's corrections and their version, which is "none" without any."""
        version = await self._feedback.version(tenant_id)
        self._corrections.expire()  # an erased tenant sends no request that would
        if version is None:
            self._corrections.pop(tenant_id, None)
            return "none", _NO_CORRECTIONS
        cached = self._corrections.pop(tenant_id, None)
        if cached is None or cached[0] != version:
            cached = await self._read_corrections(tenant_id, version, cached)
        self._corrections[tenant_id] = cached  # its time to live starts again
        return cached

    async def _read_corrections(
        self, tenant_id: str, version: str, outdated: tuple[str, CorrectionIndex] | None
    ) -> tuple[str, CorrectionIndex]:
        """Return the corrections of that version or later; concurrent calls share the work."""
        previous = outdated[1] if outdated else None

        async def read() -> tuple[str, CorrectionIndex]:
            rows = await self._feedback.corrections(tenant_id, CorrectionKind.CATEGORY)
            corrections = [CategoryCorrection(row.name, row.value) for row in rows]
            return version, await self._in_thread(build_index, corrections, previous)

        # A reading of another version may have begun before the last correction.
        key = f"{version} {tenant_id}"
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(read())
            task.add_done_callback(lambda _: self._reading.pop(key))
        await asyncio.wait((task,))  # the cancellation of one caller leaves it to the others
        return task.result()

    async def _apply_corrections(
        self, items: Sequence[ClassificationItem], corrections: CorrectionIndex
    ) -> Sequence[Prediction | None]:
        if not corrections.categories:
            return [None] * len(items)
        if sum(len(item.name) for item in items) <= _MAX_INLINE_CHARACTERS:
            return _apply_corrections(items, corrections)
        return await self._in_thread(_apply_corrections, items, corrections)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)


def _apply_corrections(
    items: Sequence[ClassificationItem], corrections: CorrectionIndex
) -> Sequence[Prediction | None]:
    """Return each item's prediction from the corrections, None for an item without one."""
    indexes = {labels: index_labels(labels) for labels in {item.labels for item in items}}
    labels = [
        corrections.label_for(item.name, indexes[item.labels], item.language) for item in items
    ]
    return [
        None
        if label is None
        else Prediction({other: float(other == label) for other in item.labels}, "correction")
        for item, label in zip(items, labels, strict=True)
    ]


def _uncorrected(
    items: Sequence[ClassificationItem], corrected: Sequence[Prediction | None]
) -> Sequence[ClassificationItem]:
    return [item for item, prediction in zip(items, corrected, strict=True) if prediction is None]
