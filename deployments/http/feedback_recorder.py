"""Records feedback and derives corrections for the tenant's later requests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.http.schemas.feedback import (
    CategoryCorrectionRequest,
    CorrectionRequest,
    FeedbackRequest,
    LineCorrectionRequest,
)
from jobs.queue.queue import JobQueue
from jobs.storage.artifacts import Artifact, Artifacts
from jobs.storage.feedback import Correction, CorrectionKind, Feedback, FeedbackStore
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.classification.corrections import MAX_CORRECTED_NAME, correction_key
from sidecar.core.errors import ValidationFailed
from sidecar.core.ids import new_id


@dataclass(frozen=True, kw_only=True)
class FeedbackRecorder:
    """Checks feedback against its result, and stores it with its corrections."""

    queue: JobQueue
    artifacts: Artifacts
    feedback: FeedbackStore
    clock: Callable[[], datetime]

    async def record(self, tenant_id: str, request: FeedbackRequest) -> Feedback:
        """Store the feedback; it is durable when this returns.

        Raises:
            NotFound: when the tenant has no such result.
            ValidationFailed: when the correction doesn't fit the result.
        """
        artifact = await self._find_artifact(tenant_id, request)
        now = self.clock()
        correction = request.correction
        feedback = Feedback(
            id=new_id("fb_", now),
            tenant_id=tenant_id,
            user_id=request.user_id,
            rating=request.rating,
            note=request.note,
            artifact_id=artifact.id if artifact else None,
            job_id=request.job_id or (artifact.job_id if artifact else None),
            correction=correction.model_dump(mode="json", exclude_unset=True)
            if correction
            else None,
            created_at=now,
        )
        await self.feedback.add(feedback, corrections_from(correction, artifact))
        return feedback

    async def _find_artifact(self, tenant_id: str, request: FeedbackRequest) -> Artifact | None:
        """Return the artifact of the rated result; None for a job without one."""
        artifact_id = request.artifact_id
        if request.job_id is not None:
            job = await self.queue.get(tenant_id, request.job_id)
            artifact_id = artifact_id or job.artifact_id
        if artifact_id is None:
            return None
        artifact = await self.artifacts.get(tenant_id, artifact_id)
        if request.job_id is not None and artifact.job_id != request.job_id:
            raise ValidationFailed("artifact_id: is not a result of that job.")
        return artifact


def corrections_from(
    correction: CorrectionRequest | None, artifact: Artifact | None
) -> Sequence[Correction]:
    """Return the name corrections that the request implies.

    Raises:
        ValidationFailed: when it corrects a line that the artifact doesn't have.
    """
    match correction:
        case CategoryCorrectionRequest():
            return [_correction(CorrectionKind.CATEGORY, correction.item_name, correction.category)]
        case LineCorrectionRequest():
            item = _line_item(artifact, correction.line)
            names = dict.fromkeys(
                name[:MAX_CORRECTED_NAME]
                for name in (item["raw_text"], item["parsed_name"], correction.name)
                if name and name.strip()
            )
            return [
                _correction(kind, name, value)
                for kind, value in (
                    (CorrectionKind.CATEGORY, correction.category),
                    (CorrectionKind.CATALOG, correction.catalog_id),
                )
                if value is not None
                for name in names
            ]
        case _:
            return []


def _line_item(artifact: Artifact | None, line: int) -> Mapping[str, Any]:
    if artifact is None or artifact.feature != RECEIPT_EXTRACTION or not artifact.output_payload:
        raise ValidationFailed("correction.line: the feedback is not on a receipt that was read.")
    items: Sequence[Mapping[str, Any]] = artifact.output_payload["line_items"]
    if line >= len(items):
        raise ValidationFailed(
            f"correction.line: the receipt has {len(items)} line items, counted from 0."
        )
    return items[line]


def _correction(kind: CorrectionKind, name: str, value: str) -> Correction:
    return Correction(kind=kind, key=correction_key(name), name=name, value=value)
