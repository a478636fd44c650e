"""Names into a tenant's categories: what the tenant has settled first, then the classifier."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from jobs.storage.feedback import CorrectionKind, FeedbackStore
from sidecar.classification.backend import Item, Placed, Scores
from sidecar.classification.corrections import Correction, Corrections, remember
from sidecar.classification.seen import Seen
from sidecar.core.micro_batcher import Gathered

_TENANTS_KEPT: Final = 1_000
#: Seconds after which a tenant that asks no more is forgotten: it may have been erased.
_FORGOTTEN_S: Final = 600.0
#: Names of a request that goes to the classifier with others; more would keep those waiting.
_SMALL: Final = 8
_SETTLED: Final = "corrections"
_NOTHING: Final = remember(())

#: Scores of each item, in order, and the model that they are from: its id and version.
_Said = tuple[Sequence[Scores], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Categorized:
    """What became of each name, in order, and what decided it: the classifier's model, or, when
    every name was settled, the corrections and the last of them.
    """

    placed: Sequence[Placed]
    model_id: str
    model_version: str


class Classified(Protocol):
    """What the classifier answers."""

    @property
    def scores(self) -> Sequence[Scores]: ...
    @property
    def model_id(self) -> str: ...
    @property
    def model_version(self) -> str: ...


class Categories:
    """For one event loop; keeps the corrections of the tenants that asked lately, and what the
    classifier said of names lately.
    """

    def __init__(
        self,
        classify: Callable[[Sequence[Item]], Awaitable[Classified]],
        feedback: FeedbackStore,
        seen: Seen | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`classify` gives the same name the same scores; `clock` gives seconds."""
        self._classify = classify
        self._small = Gathered(self._classify_together)
        self._feedback = feedback
        self._seen = seen or Seen()
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # who asked last is last

    async def of(
        self, tenant_id: str, names: Sequence[str], labels: tuple[str, ...]
    ) -> Categorized:
        """Raises what the classifier raises, and DatabaseUnavailable."""
        items = [Item(name, labels) for name in names]
        # The classifier doesn't wait for the database: what the tenant had settled when it last
        # asked is as a rule still all that it has.
        kept = self._kept.get(tenant_id)
        likely = kept.corrections if kept else _NOTHING
        settled = _settled(items, likely)
        told, said = await asyncio.gather(
            self._corrections(tenant_id),
            self._scores(_unsettled(items, settled)),
            return_exceptions=True,
        )
        if isinstance(told, BaseException):
            raise told
        version, corrections = told
        if corrections is not likely:
            settled = _settled(items, corrections)
        unsettled = _unsettled(items, settled)
        if not unsettled:
            return Categorized(list(filter(None, settled)), _SETTLED, version)
        if corrections is not likely:
            said = await self._scores(unsettled)
        if isinstance(said, BaseException):
            raise said
        scores, model = said
        left = iter(scores)
        placed = [given or Placed(next(left), "classifier") for given in settled]
        return Categorized(placed, *model)

    async def _scores(self, items: Sequence[Item]) -> _Said:
        seen = {item: scores for item in items if (scores := self._seen.get(item)) is not None}
        model = self._seen.model
        new = [item for item in dict.fromkeys(items) if item not in seen]
        if new:
            said, answered = await (
                self._small.ask(new) if len(new) <= _SMALL else self._classified(new)
            )
            for item, scores in zip(new, said, strict=True):
                self._seen.add(item, scores, answered)
            if seen and answered != model:  # changed: what was seen is forgotten by now
                return await self._scores(items)
            model = answered
            seen |= dict(zip(new, said, strict=True))
        return [seen[item] for item in items], model

    async def _classified(self, items: Sequence[Item]) -> _Said:
        classified = await self._classify(items)
        return classified.scores, (classified.model_id, classified.model_version)

    async def _classify_together(self, requests: Sequence[Sequence[Item]]) -> Sequence[_Said]:
        said, model = await self._classified([item for items in requests for item in items])
        scores = iter(said)
        return [([next(scores) for _ in items], model) for items in requests]

    async def _corrections(self, tenant_id: str) -> tuple[str, Corrections]:
        version = await self._feedback.version(tenant_id)
        kept = self._kept.pop(tenant_id, None)
        self._forget()
        if version is None:
            return "none", _NOTHING
        if kept is None or kept.version != version:
            given = await self._feedback.corrections(tenant_id, CorrectionKind.CATEGORY)
            corrections = remember(Correction(one.name, one.value) for one in given)
        else:
            corrections = kept.corrections
        self._kept[tenant_id] = _Kept(self._clock(), version, corrections)
        return version, corrections

    def _forget(self) -> None:
        """Those that asked longest ago: the ones that are too many, or that asked no more."""
        until = self._clock() - _FORGOTTEN_S
        while self._kept and (
            len(self._kept) >= _TENANTS_KEPT or next(iter(self._kept.values())).asked_at < until
        ):
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Kept:
    asked_at: float  # seconds
    version: str
    corrections: Corrections


def _settled(items: Sequence[Item], corrections: Corrections) -> Sequence[Placed | None]:
    """Each item as the corrections have it; None where they have nothing."""
    found = [corrections.label_for(item.name, item.labels) for item in items]
    return [
        None
        if label is None
        else Placed({one: float(one == label) for one in item.labels}, "correction")
        for item, label in zip(items, found, strict=True)
    ]


def _unsettled(items: Sequence[Item], settled: Sequence[Placed | None]) -> Sequence[Item]:
    return [item for item, placed in zip(items, settled, strict=True) if placed is None]
