"""Validates a job's payload and stores the blobs that the job row refers to."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from deployments.ingress.images import ImageSource, store_image
from deployments.ingress.offloading import LARGE_BODY, LARGE_RECIPES, off_loop
from deployments.ingress.services import Services
from jobs.tasks.categorization import CategorizationJob
from jobs.tasks.receipt import ReceiptJob, StoredImage
from jobs.tasks.recipe import RecipeJob
from jobs.tasks.registry import (
    CATEGORIZATION_BATCH,
    EMBEDDING_BATCH,
    MEAL_OPTIMIZATION,
    RECEIPT_EXTRACTION,
    RECIPE_EXTRACTION,
)
from sidecar.core.errors import ModelUnavailable, ValidationFailed
from sidecar.core.validation import dump_sent
from sidecar.core.validation_errors import describe_errors
from sidecar.embedding.schemas import EmbedBatchRequest
from sidecar.ingredients.schemas import Language
from sidecar.planning.schemas import PlanRequest
from sidecar.receipts.options import ReceiptOptions
from sidecar.recipes.schemas import RecipeHtml, RecipeText

PayloadT = TypeVar("PayloadT", bound=BaseModel)


class ReceiptPayload(ImageSource):
    """A receipt image and its reading options."""

    options: ReceiptOptions = Field(default_factory=ReceiptOptions)


class RecipePayload(ImageSource):
    """A recipe as plain text, as the HTML of a page that describes it, or as an image."""

    text: RecipeText | None = None
    html: RecipeHtml | None = None
    language: Language | None = None

    @property
    def has_image(self) -> bool:
        return self.text is None and self.html is None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        images = [self.image_base64, self.images_base64, self.image_url, self.image_path]
        if sum(source is not None for source in (self.text, self.html, *images)) != 1:
            raise ValueError(
                "give exactly one of text, html, image_base64, images_base64, image_url and "
                "image_path"
            )
        return self


async def store_recipe(
    services: Services, tenant_id: str, payload: RecipePayload
) -> Mapping[str, Any]:
    """Store the image, if it is one, and return the payload with a reference to it.

    Raises:
        ServiceError: when store_image raises it.
    """
    image = None
    if payload.has_image:
        blob = await store_image(payload, tenant_id, services.blobs, services.settings)
        image = StoredImage(sha256=blob.sha256, media_type=blob.media_type, size=blob.size)
    job = RecipeJob(image=image, text=payload.text, html=payload.html, language=payload.language)
    return job.model_dump(mode="json", exclude_none=True)


async def store_receipt(
    services: Services, tenant_id: str, payload: ReceiptPayload
) -> Mapping[str, Any]:
    """Store the image durably and return the payload with a reference to it.

    Raises:
        ModelUnavailable: when the vision engine is requested and no model takes images.
        ServiceError: when store_image raises it.
    """
    if payload.options.engine == "vision" and not services.settings.engine.reads_images:
        raise ModelUnavailable("This service has no vision model; use engine auto or ocr.")
    blob = await store_image(payload, tenant_id, services.blobs, services.settings)
    image = StoredImage(sha256=blob.sha256, media_type=blob.media_type, size=blob.size)
    return ReceiptJob(image=image, options=payload.options).model_dump(mode="json")


@dataclass(frozen=True)
class _PayloadType(Generic[PayloadT]):
    """The schema of a feature's payload, and the function that stores it; None: as it was sent."""

    schema: type[PayloadT]
    store: Callable[[Services, str, PayloadT], Awaitable[Mapping[str, Any]]] | None = None
    large: int = LARGE_BODY  # bytes from which it is validated off the event loop


_PAYLOAD_TYPES: Mapping[str, _PayloadType[Any]] = {
    RECEIPT_EXTRACTION: _PayloadType(ReceiptPayload, store_receipt),
    RECIPE_EXTRACTION: _PayloadType(RecipePayload, store_recipe),
    MEAL_OPTIMIZATION: _PayloadType(PlanRequest, large=LARGE_RECIPES),
    EMBEDDING_BATCH: _PayloadType(EmbedBatchRequest),
    CATEGORIZATION_BATCH: _PayloadType(CategorizationJob),
}


def payload_schema(feature: str) -> type[BaseModel]:
    """Return the schema of a feature's payload; raises ValidationFailed for an unknown one."""
    return _payload_type(feature).schema


def _payload_type(feature: str) -> _PayloadType[Any]:
    payload_type = _PAYLOAD_TYPES.get(feature)
    if payload_type is None:
        raise ValidationFailed(f"feature: must be one of {', '.join(sorted(_PAYLOAD_TYPES))}.")
    return payload_type


async def prepare_payload(
    services: Services, tenant_id: str, feature: str, payload: Mapping[str, Any], *, size: int
) -> Mapping[str, Any]:
    """Validate the payload, store its image if any, and return the job row's payload.

    `size` is the request's, in bytes: a large payload is validated in a thread.

    Raises:
        ValidationFailed: when the feature is unknown or the payload doesn't match its schema.
        ServiceError: when storing raises it.
    """
    payload_type = _payload_type(feature)
    try:
        checked = await off_loop(
            size, payload_type.schema.model_validate, payload, large=payload_type.large
        )
    except ValidationError as error:
        sentences = describe_errors(error.errors(), body=payload, prefix="payload")
        raise ValidationFailed(sentences) from error
    if payload_type.store is None:
        return await off_loop(size, dump_sent, checked)
    return await payload_type.store(services, tenant_id, checked)
