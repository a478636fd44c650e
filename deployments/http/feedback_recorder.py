"""Records feedback and derives corrections for the tenant's later requests."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.http.schemas.feedback import (
    CategoryCorrectionRequest,
    CorrectionRequest,
    FeedbackRequest,
    LineCorrectionRequest,
    ReceiptCorrectionRequest,
)
from jobs.queue.queue import JobQueue
from jobs.queue.reviews import Reviews
from jobs.storage.artifacts import Artifact, Artifacts
from jobs.storage.feedback import Correction, Feedback
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.classification.corrections import correction_key
from sidecar.core.errors import ValidationFailed
from sidecar.core.ids import new_id
from sidecar.receipts.corrections.kinds import CorrectionKind, Lesson
from sidecar.receipts.corrections.learning import lessons_of_line, lessons_of_receipt


@dataclass(frozen=True, kw_only=True)
class FeedbackRecorder:
    """Checks feedback against its result, and stores it with its corrections."""

    queue: JobQueue
    artifacts: Artifacts
    reviews: Reviews
    clock: Callable[[], datetime]

    async def record(self, tenant_id: str, request: FeedbackRequest) -> Feedback:
        """Store the feedback; it is durable when this returns.

        Raises:
            NotFound: when the tenant has no such result.
            ValidationFailed: when the correction doesn't fit the result.
            Conflict: when there is a newer correction than the one that it is based on.
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
        await self.reviews.record(
            feedback,
            # Its names have keys, which take a while for a thousand lines.
            await asyncio.to_thread(corrections_from, correction, artifact),
            based_on=request.based_on,
            check_base="based_on" in request.model_fields_set,
        )
        return feedback

    async def _find_artifact(self, tenant_id: str, request: FeedbackRequest) -> Artifact | None:
        """Return the artifact of the rated result; None for a job without one."""
        artifact_id = request.artifact_id
        if request.job_id is not None:
            job = await self.queue.get(tenant_id, request.job_id, brief=True)
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
    """Return what the request teaches for later requests.

    Raises:
        ValidationFailed: when it corrects a line that the artifact doesn't have.
    """
    match correction:
        case CategoryCorrectionRequest(item_name=name, category=category):
            key = correction_key(name)
            return [Correction(kind=CorrectionKind.CATEGORY, key=key, name=name, value=category)]
        case LineCorrectionRequest():
            line = _line_item(artifact, correction.line)
            assert artifact is not None
            flat = artifact.output_payload or {}
            changes = correction.model_dump(mode="json", exclude_unset=True, exclude={"line"})
            lessons = lessons_of_line(flat, line, changes, flat.get("merchant"))
            return _unique(lessons)
        case ReceiptCorrectionRequest():
            for line_item in correction.line_items or ():
                if line_item.line is not None:
                    _line_item(artifact, line_item.line)
            if artifact is None or artifact.feature != RECEIPT_EXTRACTION:
                return []
            changes = correction.model_dump(mode="json", exclude_unset=True)
            return _unique(lessons_of_receipt(artifact.output_payload or {}, changes))
        case _:
            return []


def _unique(lessons: Iterable[Lesson]) -> Sequence[Correction]:
    """Return the corrections to store; of those with one key the last counts."""
    by_key = {(lesson.kind, lesson.key): Correction(**vars(lesson)) for lesson in lessons}
    return list(by_key.values())


def _line_item(artifact: Artifact | None, line: int) -> Mapping[str, Any]:
    if artifact is None or artifact.feature != RECEIPT_EXTRACTION or not artifact.output_payload:
        raise ValidationFailed("correction.line: the feedback is not on a receipt that was read.")
    items: Sequence[Mapping[str, Any]] = artifact.output_payload["line_items"]
    if line >= len(items):
        raise ValidationFailed(
            f"correction.line: the receipt has {len(items)} line items, counted from 0."
        )
    return items[line]
