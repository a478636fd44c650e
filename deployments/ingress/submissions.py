"""From what a caller submits for a feature to the payload that the job row keeps."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from deployments.errors import Invalid
from deployments.ingress.images import ImageSource, accept
from deployments.ingress.parts import Parts
from deployments.ingress.wire import validation_message
from jobs.features import RECEIPT_EXTRACTION, ReceiptJob, StoredImage
from jobs.receipts.options import ReceiptOptions


class ReceiptPayload(ImageSource):
    """An image and how to read it."""

    options: ReceiptOptions = Field(default_factory=ReceiptOptions)


async def store_receipt(parts: Parts, tenant_id: str, payload: ReceiptPayload) -> Mapping[str, Any]:
    """The payload with its image made durable and replaced by a reference."""
    blob = await accept(payload, tenant_id, parts.blobs, parts.settings)
    image = StoredImage(sha256=blob.sha256, media_type=blob.media_type, size=blob.size)
    return ReceiptJob(image=image, options=payload.options).model_dump(mode="json")


@dataclass(frozen=True)
class _Submission:
    payload: type[ReceiptPayload]
    store: Callable[[Parts, str, ReceiptPayload], Awaitable[Mapping[str, Any]]]


_SUBMISSIONS = {RECEIPT_EXTRACTION: _Submission(ReceiptPayload, store_receipt)}


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
    try:
        checked = submission.payload.model_validate(payload)
    except ValidationError as error:
        raise Invalid(validation_message(error.errors(), prefix="payload")) from error
    return await submission.store(parts, tenant_id, checked)
