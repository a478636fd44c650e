"""Stored JSON comes back as it was, but for what no UTF-8 has."""

import json
from typing import Any

import numpy as np
import pytest

from jobs.storage.json import from_json, to_json


@pytest.mark.parametrize(
    "value",
    [{"a": [1, 0.1, 1e308, None, True, "é\0"]}, 2**64, {"id": -(10**4000)}, "𠀀\u2028"],
    ids=["kinds", "65 bits", "4 000 digits", "text"],
)
def test_what_is_stored_comes_back(value: Any) -> None:
    assert from_json(to_json(value)) == value


def test_vectors_are_lists() -> None:
    vector = np.array([0.1, 0.25], dtype=np.float32)
    assert from_json(to_json({"vector": vector})) == {"vector": [0.1, 0.25]}


def test_lone_surrogates_are_stored_as_question_marks() -> None:
    assert from_json(to_json({"a\ud800": ["\udc00", 2**70]})) == {"a?": ["?", 2**70]}


def test_what_earlier_versions_stored_is_read() -> None:
    assert from_json(json.dumps(["\ud800"])) == ["\ud800"]


def test_the_order_of_keys_can_be_fixed() -> None:
    for value in (1, 2**70):
        assert to_json({"b": value, "a": 1}, sort_keys=True).startswith('{"a":')
