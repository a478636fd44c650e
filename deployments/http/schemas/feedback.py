"""Schemas of feedback on results and the corrections learned from it."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from deployments.http.schemas.common import AnswerModel, ApiModel, Name, rfc3339
from jobs.storage.corrections import StoredCorrection
from jobs.storage.feedback import Feedback, Rating
from sidecar.classification.schemas import MAX_LABEL_CHARACTERS, MAX_NAME_CHARACTERS
from sidecar.core.validation import NotBlank, NotBoolean
from sidecar.receipts.corrections.kinds import CorrectionKind

#: PostgreSQL stores every character but NUL.
_WithoutNul = AfterValidator(lambda text: text.replace("\0", ""))
ItemName = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS), _WithoutNul, NotBlank]
Category = Annotated[str, Field(max_length=MAX_LABEL_CHARACTERS), _WithoutNul, NotBlank]
Unit = Annotated[str, Field(min_length=1, max_length=50), _WithoutNul, NotBlank]
Amount = Annotated[Decimal, Field(max_digits=12, decimal_places=3, allow_inf_nan=False)]


def _real_date(text: str) -> str:
    date.fromisoformat(text)
    return text


IsoDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_real_date)]


class _CorrectionRequest(ApiModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="after")
    def _corrects_something(self) -> Self:
        if not self.model_fields_set - {"line"}:
            raise ValueError("a correction must correct something")
        return self


class CategoryCorrectionRequest(_CorrectionRequest):
    """The category of a name, which overrides the classifier."""

    item_name: ItemName
    category: Category


class LineCorrectionRequest(_CorrectionRequest):
    """A line item of a receipt."""

    line: Annotated[int, NotBoolean] = Field(ge=0, description="Position in line_items, from 0.")
    name: ItemName | None = None
    quantity: Annotated[Amount, Field(gt=0)] | None = None
    unit: Unit | None = None
    total_price: Amount | None = None
    category: Category | None = None
    catalog_id: Name | None = None


class ReviewedLine(ApiModel):
    """A line item as it should be; a field that is left out stays as it was read."""

    model_config = ConfigDict(extra="forbid")

    line: Annotated[int, NotBoolean] | None = Field(
        None, ge=0, description="Position in line_items, from 0; null for a line that was added."
    )
    name: ItemName | None = None
    quantity: Annotated[Amount, Field(gt=0)] | None = None
    unit: Unit | None = None
    total_price: Amount | None = None
    discount: Annotated[Amount, Field(ge=0)] | None = None
    category: Category | None = None
    catalog_id: Name | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.line is None and (self.name is None or self.total_price is None):
            raise ValueError("a line without `line` needs a name and a total_price")
        return self


class ReceiptCorrectionRequest(_CorrectionRequest):
    """Fields of a receipt, and its line items; a field that is left out stays as it was read."""

    merchant: Name | None = None
    date: IsoDate | None = None
    time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$")] | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    total: Amount | None = None
    subtotal: Amount | None = None
    tax: Amount | None = None
    line_items: Annotated[Sequence[ReviewedLine], Field(max_length=1000)] | None = Field(
        None,
        description="All lines in their order: those left out are removed, a position that comes "
        "twice is split.",
    )


CorrectionRequest = CategoryCorrectionRequest | LineCorrectionRequest | ReceiptCorrectionRequest


class FeedbackRequest(ApiModel):
    """A rating of a result, with an optional note and correction."""

    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = None
    rating: Rating
    note: Annotated[str, Field(max_length=4000), _WithoutNul] | None = None
    artifact_id: Name | None = None
    job_id: Name | None = None
    correction: CorrectionRequest | None = None
    based_on: Name | None = Field(
        None,
        description="The id of the newest correction of this job that its author saw, null for "
        "none. Where it is given and there is a newer one: 409, and nothing is stored.",
    )

    @model_validator(mode="after")
    def _names_a_result(self) -> Self:
        if self.artifact_id is None and self.job_id is None:
            raise ValueError("artifact_id or job_id is needed")
        return self


class FeedbackResponse(AnswerModel):
    """Stored feedback."""

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
        created_at = rfc3339(feedback.created_at)
        return cls(**{**vars(feedback), "feedback_id": feedback.id, "created_at": created_at})


class FeedbackList(AnswerModel):
    """One page of feedback, newest first."""

    feedback: Sequence[FeedbackResponse]
    total: int = Field(description="Number of matches on all pages.")
    limit: int
    offset: int
    next_cursor: str | None = Field(description="The next page's cursor; null on the last page.")


class CorrectionResponse(AnswerModel):
    """A correction that applies to this tenant's later requests."""

    id: str = Field(examples=["cor_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1"])
    kind: CorrectionKind
    name: str = Field(description="The name, line, shop or number that it applies to.")
    value: str = Field(
        description="The category, the product's id in the catalog, or the value of the field."
    )
    shop: str | None = Field(description="The shop whose lines or receipts it changes; null: all.")
    was: str | None = Field(description="The value as it was read.")
    receipts: int = Field(
        description="Receipts that it has changed; categories and catalog matches are not counted."
    )
    feedback_id: str = Field(description="The feedback that it comes from.")

    @classmethod
    def of(cls, correction: StoredCorrection) -> Self:
        values = {name: getattr(correction, name) for name in cls.model_fields}
        return cls(**values)


class CorrectionList(AnswerModel):
    """All of this tenant's corrections."""

    corrections: Sequence[CorrectionResponse]
