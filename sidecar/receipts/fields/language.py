"""The language of a receipt: that of the likeliest countries."""

import functools
import math
from collections import defaultdict
from collections.abc import Sequence

from sidecar.receipts.fields.cldr import locale_of
from sidecar.receipts.fields.countries import country_scores

_LIKELY = 0.6
"""The least probability of a language that is worth a mention."""


def language_of(lines: Sequence[str]) -> str | None:
    """Return the ISO 639-1 code of the language, None where none is likely.

    A country's receipts are taken to be in its main language.
    """
    scores = country_scores(lines)
    highest = max(scores.values())
    likelihoods: dict[str, float] = defaultdict(float)
    for country, score in scores.items():
        likelihoods[_main_language(country)] += math.exp(score - highest)
    best = max(likelihoods, key=lambda language: likelihoods[language])
    return best if likelihoods[best] >= _LIKELY * sum(likelihoods.values()) else None


@functools.cache
def _main_language(country: str) -> str:
    return locale_of(country).partition("_")[0]
