"""What the classifier said of names lately: the same groceries come again and again."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from sidecar.classification.backend import Item, Scores

#: Scores that are kept, over all names: some 20 MB.
_KEPT: Final = 200_000
#: After this a name is classified anew, in seconds: a model that was changed is heard of by then.
_FRESH_S: Final = 600.0


class Seen:
    """The scores of one model's answers, the least recently used dropped first."""

    def __init__(self, *, kept: int = _KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        """At most `kept` scores; `clock` gives seconds."""
        self._most = kept
        self._clock = clock
        self._scores: OrderedDict[Item, tuple[float, Scores]] = OrderedDict()
        self._count = 0
        self.model = ("", "")

    def get(self, item: Item) -> Scores | None:
        """What was said of it, unless that is long ago."""
        said = self._scores.get(item)
        if said is None:
            return None
        until, scores = said
        if self._clock() >= until:
            self._drop(item)
            return None
        self._scores.move_to_end(item)
        return scores

    def add(self, item: Item, scores: Scores, model: tuple[str, str]) -> None:
        """Keeps what the model, an id and a version, says of the item; another model's answers are
        forgotten.
        """
        if model != self.model:
            self._scores.clear()
            self._count = 0
            self.model = model
        if item in self._scores:
            self._drop(item)
        self._scores[item] = (self._clock() + _FRESH_S, scores)
        self._count += len(scores)
        while self._count > self._most:
            self._drop(next(iter(self._scores)))

    def _drop(self, item: Item) -> None:
        _, scores = self._scores.pop(item)
        self._count -= len(scores)
