"""An invalid body costs no more than a valid one, however many errors it has."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import CoreSchema

from deployments.http.schemas.common import Envelope
from deployments.ingress.app import documented_app
from deployments.ingress.job_payloads import payload_schema
from jobs.tasks.registry import (
    CATEGORIZATION_BATCH,
    EMBEDDING_BATCH,
    MEAL_OPTIMIZATION,
    RECEIPT_EXTRACTION,
    RECIPE_EXTRACTION,
)
from sidecar.core.validation import core_schema_nodes
from sidecar.llm.schemas import ChatRequest
from sidecar.planning.schemas import PlanRequest

_FEATURES = (
    CATEGORIZATION_BATCH,
    EMBEDDING_BATCH,
    MEAL_OPTIMIZATION,
    RECEIPT_EXTRACTION,
    RECIPE_EXTRACTION,
)


def body_schemas() -> Iterator[tuple[str, CoreSchema]]:
    """Yield the schema of every body and of every job's payload."""
    for route in documented_app("1", tokens=False).routes:
        if isinstance(route, APIRoute) and route.body_field is not None:
            yield route.path, TypeAdapter(route.body_field.field_info.annotation).core_schema
    for feature in _FEATURES:
        yield feature, payload_schema(feature).__pydantic_core_schema__


def test_every_list_is_validated_up_to_its_first_error() -> None:
    lists = 0
    for name, schema in body_schemas():
        for node in core_schema_nodes(schema):
            if node["type"] in ("list", "tuple", "set", "frozenset"):
                assert node.get("fail_fast"), (name, node)
                lists += 1
    assert lists > 50


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (
            Envelope[PlanRequest],
            {"payload": {"recipes": [{"ingredients": [{}] * 100} for _ in range(200)]}},
        ),
        (ChatRequest, {"messages": [{"role": "user", "content": [{}] * 20_000}]}),
    ],
)
def test_thousands_of_errors_become_a_few(model: type[BaseModel], body: object) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    assert caught.value.error_count() < 10
