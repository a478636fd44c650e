"""Patterns of JSON schemas are bounded by what they expand to."""

from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.llm.grammar_limits import MAX_PATTERN_SIZE, pattern_size
from sidecar.llm.schemas import ChatRequest


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("", 0),
        ("abc", 3),
        ("^a+$", 3),
        ("a{3}", 3),
        ("a{2,5}b", 6),
        ("a{2,}", 2),
        ("a{,4}", 4),
        ("[a-z_]{10}", 10),
        ("[]a]{2}", 2),
        (r"\d{4}-\d{2}", 7),
        (r"\{9\}", 3),
        ("(?:ab){3}", 6),
        ("(?<year>[0-9]{4})", 4),
        ("(ab|c){10}", 30),
        ("((a{1,50}){1,50}){1,50}", 125_000),
        ("a{3}{3}", 9),
        ("(((", 0),
        (")){2}", 3),
        ("[", 1),
    ],
)
def test_a_pattern_expands_to_its_repetitions(pattern: str, size: int) -> None:
    assert pattern_size(pattern) == size


def request_with(schema: dict[str, Any]) -> ChatRequest:
    return ChatRequest.model_validate(
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": schema},
            },
        }
    )


def test_a_request_with_usual_patterns_is_accepted() -> None:
    properties = {
        "date": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"},
        "pattern": {"type": "string"},
    }
    request_with({"type": "object", "properties": properties})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^((a{1,50}){1,50}){1,50}$"},
        {"anyOf": [{"type": "string", "pattern": f"{n}{{600}}"} for n in range(4)]},
        {"type": "object", "patternProperties": {"^(a{99}){99}$": {"type": "string"}}},
        {"type": "array", "items": {"allOf": [{"pattern": "(a{999999999999}){9}"}]}},
    ],
)
def test_patterns_that_expand_to_too_much_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=f"more than {MAX_PATTERN_SIZE} characters"):
        request_with(schema)
