"""Answers with JSON as it is stored: parsing and writing megabytes would hold the event loop."""

from collections.abc import Mapping

import orjson
from fastapi import Response
from pydantic import BaseModel


def with_stored_json(answer: BaseModel, fields: Mapping[str, str | None]) -> Response:
    """Return the answer with JSON texts, or null, in the place of these of its fields."""
    texts = {name: text and orjson.Fragment(text) for name, text in fields.items()}
    content = orjson.dumps({**answer.model_dump(mode="json"), **texts})
    return Response(content, media_type="application/json")
