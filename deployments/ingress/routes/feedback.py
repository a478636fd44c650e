"""Feedback on results, and what is remembered of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from deployments.ingress.json import JsonRoute
from deployments.ingress.jsonl import JSON_LINES, jsonl
from deployments.ingress.services import Parts
from deployments.ingress.wire import ERRORS, Name, Wire, rfc3339, tenant_of
from jobs.storage.artifacts import Artifact
from jobs.storage.feedback import (
    LONGEST_NAME,
    Correction,
    CorrectionKind,
    Feedback,
    FeedbackFilter,
    Rating,
    correction_key,
)
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.classification.schemas import MAX_LABEL_CHARACTERS, MAX_NAME_CHARACTERS
from sidecar.core.errors import Invalid
from sidecar.core.ids import new_id
from sidecar.core.validation import NotBlank

#: PostgreSQL stores every character but this one.
_WithoutNul = AfterValidator(lambda text: text.replace("\0", ""))
ItemName = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS), _WithoutNul, NotBlank]
Category = Annotated[str, Field(max_length=MAX_LABEL_CHARACTERS), _WithoutNul, NotBlank]
Amount = Annotated[Decimal, Field(max_digits=12, decimal_places=3, allow_inf_nan=False)]


class _Correction(Wire):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set - {"line"}:
            raise ValueError("a correction must correct something")
        return self


class CategoryCorrection(_Correction):
    """The category of a name, whatever the classifier thinks."""

    item_name: ItemName
    category: Category


class LineCorrection(_Correction):
    """A line item of a receipt."""

    line: int = Field(ge=0, description="Position in line_items, from 0.")
    name: ItemName | None = None
    quantity: Amount | None = None
    unit: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    total_price: Amount | None = None
    category: Category | None = None
    catalog_id: Name | None = None


class ReceiptCorrection(_Correction):
    """A field of a receipt."""

    merchant: Name | None = None
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    total: Amount | None = None


class FeedbackRequest(Wire):
    """What somebody thinks of a result."""

    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = None
    rating: Rating
    note: Annotated[str, Field(max_length=4000), _WithoutNul] | None = None
    artifact_id: Name | None = None
    job_id: Name | None = None
    correction: CategoryCorrection | LineCorrection | ReceiptCorrection | None = None

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.artifact_id is None and self.job_id is None:
            raise ValueError("artifact_id or job_id is needed")
        return self


class FeedbackBody(Wire):
    """One person's word on one result."""

    id: str = Field(examples=["fb_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1"])
    feedback_id: str
    tenant_id: str
    user_id: str | None
    rating: Rating
    note: str | None
    artifact_id: str | None
    job_id: str | None
    correction: Mapping[str, Any] | None
    created_at: str

    @classmethod
    def of(cls, feedback: Feedback) -> Self:
        """The feedback as a caller sees it."""
        return cls(
            id=feedback.id,
            feedback_id=feedback.id,
            tenant_id=feedback.tenant_id,
            user_id=feedback.user_id,
            rating=feedback.rating,
            note=feedback.note,
            artifact_id=feedback.artifact_id,
            job_id=feedback.job_id,
            correction=feedback.correction,
            created_at=rfc3339(feedback.created_at),
        )


class FeedbackPage(Wire):
    """Some of the feedback, newest first."""

    feedback: Sequence[FeedbackBody]
    total: int = Field(description="Of all that match.")
    limit: int
    offset: int


class RememberedCorrection(Wire):
    """What this tenant has settled about a name."""

    kind: CorrectionKind
    name: str
    value: str = Field(description="The category, or the product's id in the catalog.")


class Remembered(Wire):
    """All that this tenant has settled."""

    corrections: Sequence[RememberedCorrection]


def feedback_router(parts: Parts) -> APIRouter:
    """/api/v1/feedback and /api/v1/corrections."""
    router = APIRouter(prefix="/api/v1", tags=["feedback"], responses=ERRORS, route_class=JsonRoute)

    @router.post("/feedback", summary="Rate a result, and correct it")
    async def give(request: Request, body: FeedbackRequest) -> FeedbackBody:
        tenant_id = tenant_of(request, body.tenant_id)
        return FeedbackBody.of(await record(parts, tenant_id, body))

    @router.get(
        "/feedback",
        summary="List this tenant's feedback, newest first; or export it, oldest first",
        response_model=FeedbackPage,
        responses={200: {"content": JSON_LINES}},
    )
    async def list_feedback(
        request: Request,
        rating: Rating | None = None,
        artifact_id: Annotated[str | None, Query(max_length=200)] = None,
        job_id: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        format: Annotated[Literal["json", "jsonl"], Query()] = "json",  # noqa: A002
    ) -> Any:
        tenant_id = tenant_of(request)
        wanted = FeedbackFilter(rating=rating, artifact_id=artifact_id, job_id=job_id)
        if format == "jsonl":
            found = parts.feedback.export(tenant_id, wanted)
            return jsonl("feedback", (FeedbackBody.of(one) async for one in found))
        page, total = await parts.feedback.list(tenant_id, wanted, limit=limit, offset=offset)
        return FeedbackPage(
            feedback=[FeedbackBody.of(one) for one in page],
            total=total,
            limit=limit,
            offset=offset,
        )

    @router.get("/corrections", summary="What is remembered of this tenant's corrections")
    async def list_corrections(request: Request) -> Remembered:
        tenant_id = tenant_of(request)
        found = [
            correction
            for kind in CorrectionKind
            for correction in await parts.feedback.corrections(tenant_id, kind)
        ]
        return Remembered(
            corrections=[
                RememberedCorrection(kind=one.kind, name=one.name, value=one.value) for one in found
            ]
        )

    return router


async def record(parts: Parts, tenant_id: str, body: FeedbackRequest) -> Feedback:
    """Keeps what somebody thinks of a result, and learns from its correction.

    Raises NotFound when the result is not this tenant's, and Invalid when the correction doesn't
    fit it.
    """
    artifact = await _subject(parts, tenant_id, body)
    now = parts.clock()
    correction = body.correction
    feedback = Feedback(
        id=new_id("fb_", now),
        tenant_id=tenant_id,
        user_id=body.user_id,
        rating=body.rating,
        note=body.note,
        artifact_id=artifact.id if artifact else None,
        job_id=body.job_id or (artifact.job_id if artifact else None),
        correction=correction.model_dump(mode="json", exclude_unset=True) if correction else None,
        created_at=now,
    )
    await parts.feedback.add(feedback, learnt(correction, artifact))
    return feedback


async def _subject(parts: Parts, tenant_id: str, body: FeedbackRequest) -> Artifact | None:
    """The artifact that the feedback is about; None for a job without a result.

    Raises NotFound when the artifact or the job is not this tenant's, and Invalid when they don't
    belong together.
    """
    artifact_id = body.artifact_id
    if body.job_id is not None:
        job = await parts.queue.get(tenant_id, body.job_id)
        artifact_id = artifact_id or job.artifact_id
    if artifact_id is None:
        return None
    artifact = await parts.artifacts.get(tenant_id, artifact_id)
    if body.job_id is not None and artifact.job_id != body.job_id:
        raise Invalid("artifact_id: is not a result of that job.")
    return artifact


def learnt(
    correction: CategoryCorrection | LineCorrection | ReceiptCorrection | None,
    artifact: Artifact | None,
) -> Sequence[Correction]:
    """What a correction teaches about names.

    Raises Invalid when it corrects a line that the artifact doesn't have.
    """
    match correction:
        case CategoryCorrection():
            return [_settled(CorrectionKind.CATEGORY, correction.item_name, correction.category)]
        case LineCorrection():
            item = _line(artifact, correction.line)
            names = dict.fromkeys(
                name[:LONGEST_NAME]
                for name in (item["raw_text"], item["parsed_name"], correction.name)
                if name and name.strip()
            )
            return [
                _settled(kind, name, value)
                for kind, value in (
                    (CorrectionKind.CATEGORY, correction.category),
                    (CorrectionKind.CATALOG, correction.catalog_id),
                )
                if value is not None
                for name in names
            ]
        case _:
            return []


def _line(artifact: Artifact | None, line: int) -> Mapping[str, Any]:
    if artifact is None or artifact.feature != RECEIPT_EXTRACTION or not artifact.output_payload:
        raise Invalid("correction.line: the feedback is not on a receipt that was read.")
    items: Sequence[Mapping[str, Any]] = artifact.output_payload["line_items"]
    if line >= len(items):
        raise Invalid(f"correction.line: the receipt has {len(items)} line items, counted from 0.")
    return items[line]


def _settled(kind: CorrectionKind, name: str, value: str) -> Correction:
    return Correction(kind=kind, key=correction_key(name), name=name, value=value)
