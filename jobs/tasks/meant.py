"""The catalog matches of a receipt by what names mean alone: minced beef is ground beef.

The embedder is asked about lines that nothing else has matched, and about the catalog then alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobs.queue.job import Outcome
from jobs.tasks.model_clients import Models
from sidecar.core.errors import ModelUnavailable, Overloaded
from sidecar.embedding.batching import embed_in_chunks
from sidecar.receipts.catalog.semantic import nearest
from sidecar.receipts.models import warned
from sidecar.receipts.options import ReceiptOptions
from sidecar.text.product_names import expand

#: Names of a catalog, synonyms included, that are embedded while a receipt waits.
MOST_NAMES = 1_000
_CHUNK = 100  # texts of one call, so that others get in between


async def with_meant_matches(options: ReceiptOptions, outcome: Outcome, models: Models) -> Outcome:
    """The outcome of receipt_extraction, with what its unmatched lines mean in the catalog.

    Nobody is asked when every line is matched. An embedder that is away, or a catalog of more than
    MOST_NAMES names, costs these matches, not the receipt: a warning says so.
    """
    items = outcome.output["line_items"]
    unmatched = [i for i, item in enumerate(items) if not item.get("match") and _name(item)]
    if not options.catalog or not unmatched:
        return outcome
    known = [(item.id, name) for item in options.catalog for name in (item.name, *item.synonyms)]
    if len(known) > MOST_NAMES:
        return _unmatched(outcome, f"more than {MOST_NAMES} names are in the catalog.")
    try:
        names, catalog = [
            await embed_in_chunks(texts, models.embed, _CHUNK)
            for texts in (
                [_name(items[i]) for i in unmatched],
                [expand(name) or name for _, name in known],
            )
        ]
    except (ModelUnavailable, Overloaded):
        return _unmatched(outcome, "the embedder did not answer.")
    found = nearest(names, catalog, [owner for owner, _ in known])
    matches = {i: match for i, match in zip(unmatched, found, strict=True) if match}
    matched = [
        {**item, "match": matches[i].model_dump()} if i in matches else item
        for i, item in enumerate(items)
    ]
    return replace(outcome, output={**outcome.output, "line_items": matched})


def _name(item: Mapping[str, Any]) -> str:
    name: str = item["parsed_name"]
    return expand(name)


def _unmatched(outcome: Outcome, why: str) -> Outcome:
    warning = f"Line items were not matched by meaning: {why}"
    return replace(outcome, output=warned(outcome.output, warning))
