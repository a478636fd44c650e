"""Job payloads: checks what a caller submits, and stores what the job row refers to."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field, ValidationError

from deployments.ingress.images import ImageSource, store_image
from deployments.ingress.services import Services
from jobs.tasks.categorization import CategorizationJob
from jobs.tasks.receipt import ReceiptJob, StoredImage
from jobs.tasks.registry import (
    CATEGORIZATION_BATCH,
    EMBEDDING_BATCH,
    MEAL_OPTIMIZATION,
    RECEIPT_EXTRACTION,
)
from sidecar.core.errors import ModelUnavailable, ValidationFailed
from sidecar.core.validation import describe_errors
from sidecar.embedding.schemas import EmbedBatchRequest
from sidecar.planning.schemas import PlanRequest
from sidecar.receipts.options import ReceiptOptions

PayloadT = TypeVar("PayloadT", bound=BaseModel)


class ReceiptPayload(ImageSource):
    """An image and how to read it."""

    options: ReceiptOptions = Field(default_factory=ReceiptOptions)


async def store_receipt(
    services: Services, tenant_id: str, payload: ReceiptPayload
) -> Mapping[str, Any]:
    """Store the image durably and return the payload with a reference in its place.

    Raises:
        ModelUnavailable: for the vision engine, where the model takes no images.
        ServiceError: whatever store_image raises.
    """
    if payload.options.engine == "vision" and not services.settings.engine.vision:
        raise ModelUnavailable("This service has no vision model; use engine auto or ocr.")
    blob = await store_image(payload, tenant_id, services.blobs, services.settings)
    image = StoredImage(sha256=blob.sha256, media_type=blob.media_type, size=blob.size)
    return ReceiptJob(image=image, options=payload.options).model_dump(mode="json")


async def keep_payload(services: Services, tenant_id: str, payload: BaseModel) -> Mapping[str, Any]:
    """Return the payload as it was sent."""
    return payload.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True)
class _PayloadType(Generic[PayloadT]):
    """How one feature's payload is checked and stored."""

    schema: type[PayloadT]
    store: Callable[[Services, str, PayloadT], Awaitable[Mapping[str, Any]]]


_PAYLOAD_TYPES: Mapping[str, _PayloadType[Any]] = {
    RECEIPT_EXTRACTION: _PayloadType(ReceiptPayload, store_receipt),
    MEAL_OPTIMIZATION: _PayloadType(PlanRequest, keep_payload),
    EMBEDDING_BATCH: _PayloadType(EmbedBatchRequest, keep_payload),
    CATEGORIZATION_BATCH: _PayloadType(CategorizationJob, keep_payload),
}


async def prepare_payload(
    services: Services, tenant_id: str, feature: str, payload: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Check the payload, store what it carries, and return what the job row keeps.

    Raises:
        ValidationFailed: for an unknown feature or a payload that doesn't fit it.
        ServiceError: whatever storing raises.
    """
    payload_type = _PAYLOAD_TYPES.get(feature)
    if payload_type is None:
        raise ValidationFailed(f"feature: must be one of {', '.join(sorted(_PAYLOAD_TYPES))}.")
    try:
        checked = payload_type.schema.model_validate(payload)
    except ValidationError as error:
        raise ValidationFailed(describe_errors(error.errors(), prefix="payload")) from error
    return await payload_type.store(services, tenant_id, checked)
