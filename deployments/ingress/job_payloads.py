"""From what a caller submits for a feature to the payload that the job row keeps."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field, ValidationError

from deployments.ingress.images import ImageSource, accept
from deployments.ingress.services import Parts
from deployments.ingress.wire import validation_message
from jobs.tasks.receipt import ReceiptJob, StoredImage
from jobs.tasks.registry import (
    CATEGORIZATION_BATCH,
    EMBEDDING_BATCH,
    MEAL_OPTIMIZATION,
    RECEIPT_EXTRACTION,
)
from jobs.tasks.texts import CategorizeJob
from sidecar.core.errors import Invalid, ModelUnavailable
from sidecar.embedding.schemas import EmbedBatchRequest
from sidecar.planning.schemas import PlanRequest
from sidecar.receipts.options import ReceiptOptions

Payload = TypeVar("Payload", bound=BaseModel)


class ReceiptPayload(ImageSource):
    """An image and how to read it."""

    options: ReceiptOptions = Field(default_factory=ReceiptOptions)


async def store_receipt(parts: Parts, tenant_id: str, payload: ReceiptPayload) -> Mapping[str, Any]:
    """The payload with its image made durable and replaced by a reference.

    Raises ModelUnavailable for the vision engine where no model sees.
    """
    if payload.options.engine == "vision" and not parts.settings.engine_sees:
        raise ModelUnavailable("This service has no vision model; use engine auto or ocr.")
    blob = await accept(payload, tenant_id, parts.blobs, parts.settings)
    image = StoredImage(sha256=blob.sha256, media_type=blob.media_type, size=blob.size)
    return ReceiptJob(image=image, options=payload.options).model_dump(mode="json")


async def store_as_sent(parts: Parts, tenant_id: str, payload: BaseModel) -> Mapping[str, Any]:
    """The payload as it is."""
    return payload.model_dump(mode="json", exclude_unset=True)


class _Submission(Generic[Payload]):
    """How one feature's payload is checked and kept."""

    def __init__(
        self,
        payload: type[Payload],
        keep: Callable[[Parts, str, Payload], Awaitable[Mapping[str, Any]]],
    ) -> None:
        self._payload = payload
        self._keep = keep

    async def store(
        self, parts: Parts, tenant_id: str, sent: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        try:
            payload = self._payload.model_validate(sent)
        except ValidationError as error:
            raise Invalid(validation_message(error.errors(), prefix="payload")) from error
        return await self._keep(parts, tenant_id, payload)


_SUBMISSIONS: Mapping[str, _Submission[Any]] = {
    RECEIPT_EXTRACTION: _Submission(ReceiptPayload, store_receipt),
    MEAL_OPTIMIZATION: _Submission(PlanRequest, store_as_sent),
    EMBEDDING_BATCH: _Submission(EmbedBatchRequest, store_as_sent),
    CATEGORIZATION_BATCH: _Submission(CategorizeJob, store_as_sent),
}


async def store(
    parts: Parts, tenant_id: str, feature: str, payload: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Checks a payload and makes what it carries durable.

    Raises Invalid for a feature that doesn't exist and for a payload that isn't its own, and
    whatever storing raises.
    """
    submission = _SUBMISSIONS.get(feature)
    if submission is None:
        raise Invalid(f"feature: must be one of {', '.join(sorted(_SUBMISSIONS))}.")
    return await submission.store(parts, tenant_id, payload)
