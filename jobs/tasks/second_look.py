"""The second reading of a receipt: by the engine's vision-language model, from its pages."""

import base64
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from jobs.queue.job import Outcome
from jobs.tasks.model_clients import Models
from sidecar.core.errors import ModelUnavailable, ServiceError
from sidecar.llm.completions import completion, structured
from sidecar.llm.schemas import ChatRequest
from sidecar.receipts.models import warned
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.vlm import QUESTION, SCHEMA, Told, extraction_of, merged

log = logging.getLogger(__name__)

_FALLBACK = "The vision model was not available; this is what OCR read."


async def second_look(options: ReceiptOptions, outcome: Outcome, models: Models) -> Outcome:
    """The outcome of OCR, put together with what the model reads on `outcome.pages`.

    Without pages, OCR's stands. So it does when the engine is away, unless `options.engine` is
    vision: then that is raised.
    """
    ocr = outcome.output
    if not outcome.pages:
        return replace(outcome, output=_read_by_ocr_alone(ocr))
    try:
        told, model = await _ask(outcome.pages, models)
    except ServiceError as error:
        if options.engine == "vision":
            raise
        log.warning("a receipt was read without its second look", extra={"code": error.code})
        return replace(outcome, output=_read_by_ocr_alone(warned(ocr, _FALLBACK)))
    vision = extraction_of(told, options, pages=ocr["pages"]).flat()
    both = merged(ocr, vision, prefer="vision" if options.engine == "vision" else "ocr")
    return replace(outcome, output=both, model_id=f"{outcome.model_id}, {model}")


def _read_by_ocr_alone(ocr: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**ocr, "sources": dict.fromkeys((*ocr["fields"], "line_items"), "ocr")}


async def _ask(pages: tuple[bytes, ...], models: Models) -> tuple[Told, str]:
    """What the model tells, and its name. Raises ServiceErrors."""
    images = [
        {
            "type": "image_url",
            "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(page).decode()}"},
        }
        for page in pages
    ]
    request = ChatRequest.model_validate(
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": QUESTION}, *images]}
            ],
            "temperature": 0,
            "response_format": structured("receipt", SCHEMA),
        }
    )
    answer = await completion(models.engine, request)
    try:
        text = answer["choices"][0]["message"]["content"]
        return Told.model_validate_json(text or ""), answer["model"]
    except ValidationError as error:  # cut off by the limit of tokens
        raise ModelUnavailable("The vision model did not come to an end.") from error
