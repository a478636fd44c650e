"""The catalog matches of a receipt that the tenant itself has settled by its feedback."""

from dataclasses import replace

from jobs.queue.job import Outcome
from jobs.storage.feedback import CorrectionKind, correction_key
from jobs.tasks.model_clients import Models
from sidecar.receipts.models import Match
from sidecar.receipts.options import ReceiptOptions


async def with_settled_matches(
    tenant_id: str, options: ReceiptOptions, outcome: Outcome, models: Models
) -> Outcome:
    """The outcome of receipt_extraction, its lines matched as they were corrected before: what a
    person says is another name of a product (strategy synonym, surely), whatever else looks alike.

    A correction to a product that is not in the request's catalog settles nothing.
    """
    items = outcome.output["line_items"]
    if not options.catalog or not items:
        return outcome
    given = await models.feedback.corrections(tenant_id, CorrectionKind.CATALOG)
    known = {item.id for item in options.catalog}
    settled = {one.key: one.value for one in given if one.value in known}
    matched = []
    for item in items:
        keys = (correction_key(item[form]) for form in ("raw_text", "parsed_name"))
        found = next((settled[key] for key in keys if key in settled), None)
        match = Match(id=found, confidence=1.0, strategy="synonym") if found else None
        matched.append({**item, "match": match.model_dump()} if match else item)
    return replace(outcome, output={**outcome.output, "line_items": matched})
