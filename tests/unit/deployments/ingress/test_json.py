"""Large bodies are parsed as strictly as small ones, off the event loop and within bounds."""

import json
import threading
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, field_validator
from starlette.testclient import TestClient

from deployments.ingress.json import JsonRoute
from deployments.ingress.json_parsing import MAX_CONTAINERS, parse_json
from deployments.ingress.offloading import LARGE_BODY
from sidecar.core.errors import TooLarge

PADDING = " " * LARGE_BODY


@pytest.mark.parametrize("padding", ["", PADDING], ids=["small", "large"])
@pytest.mark.parametrize("body", ["", "{", '{"a": NaN}', '["\\ud800"]', "[1] 2", "[" * 5_000])
def test_what_is_not_json_is_refused(body: str, padding: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_json((padding + body).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * MAX_CONTAINERS + b"[]]",
        b"[" + b"{}," * MAX_CONTAINERS + b"{}]",
        b"[" + b"1," * 1_500_000 + b"1]",
        b'{"a\\\\": "' + b"x" * 70_000 + b'", "b": [' + b"[]," * MAX_CONTAINERS + b"[]]}",
    ],
)
def test_a_body_of_too_many_values_is_refused_before_it_is_parsed(body: bytes) -> None:
    with pytest.raises(TooLarge, match="values"):
        parse_json(body)


@pytest.mark.parametrize("text", ["[{,", '\\"[', "\\\\", '\\\\\\"{,'])
def test_signs_within_texts_do_not_count(text: str) -> None:
    body = f'{{"a": "{text * 800_000}", "b": [1, 2]}}'.encode()
    assert parse_json(body)["b"] == [1, 2]


class Numbers(BaseModel):
    numbers: list[int]

    @field_validator("numbers")
    @classmethod
    def _note_thread(cls, numbers: list[int]) -> list[int]:
        validated_in.append(threading.current_thread().name)
        return numbers


validated_in: list[str] = []


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.router.route_class = JsonRoute

    @app.post("/")
    async def add(body: Numbers) -> int:
        return sum(body.numbers)

    validated_in.clear()
    return TestClient(app)


@pytest.mark.parametrize("padding", ["", PADDING], ids=["small", "large"])
def test_a_body_is_validated_once_and_a_large_one_in_a_thread(
    client: TestClient, padding: str
) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    response = client.post("/", content='{"numbers": [1, 2]}' + padding, headers=headers)
    assert (response.status_code, response.json()) == (200, 3)
    [thread] = validated_in
    assert thread.startswith("bodies") == bool(padding)


@pytest.mark.parametrize(
    ("body", "kind", "where"),
    [
        ('{"numbers": ["x"]}', "int_parsing", ["body", "numbers", 0]),
        ('{"numbers": [1, 2]', "json_invalid", ["body"]),
    ],
)
def test_errors_of_large_bodies_are_those_of_small_ones(
    client: TestClient, body: str, kind: str, where: list[Any]
) -> None:
    for padding in ("", PADDING):
        response = client.post(
            "/", content=padding + body, headers={"content-type": "application/json"}
        )
        [error] = response.json()["detail"]
        assert (response.status_code, error["type"], error["loc"][: len(where)]) == (
            422,
            kind,
            where,
        )


def test_a_large_body_that_is_not_said_to_be_json_is_no_object(client: TestClient) -> None:
    response = client.post("/", content='{"numbers": [1]}' + PADDING)
    assert response.status_code == 422
