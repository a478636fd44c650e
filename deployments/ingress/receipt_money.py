"""The money of a receipt's recorded result, in the form that its request or the setting asks for.

Artifacts store numbers, which the dashboard and the feedback read.
"""

from dataclasses import replace

from jobs.storage.artifacts import Artifact
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.settings import Settings
from sidecar.receipts.money_forms import with_money


def with_callers_money(artifact: Artifact, settings: Settings) -> Artifact:
    """Return the artifact with its output's money in the caller's form."""
    output = artifact.output_payload
    if artifact.feature != RECEIPT_EXTRACTION or output is None or "fields" not in output:
        return artifact
    form = artifact.input_payload.get("options", {}).get("money") or settings.receipt.money
    return replace(artifact, output_payload=with_money(output, form))
