"""The frames of server-sent events."""

import json

import pytest

from deployments.http.sse import comment, html_event, json_event, retry_event


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\t", "é"])
def test_json_with_any_character_arrives_unchanged(character: str) -> None:
    value = {"name": f"a{character}b"}
    event = json_event(json.dumps(value, ensure_ascii=False), id="7").decode()
    head, data = event.removesuffix("\n\n").split("\n")
    assert head == "id: 7"
    assert json.loads(data.removeprefix("data: ")) == value


def test_html_keeps_its_lines() -> None:
    assert html_event("<p>\n</p>") == b"event: part\ndata: <p>\ndata: </p>\n\n"


def test_comments_and_reconnection_delays_are_framed() -> None:
    assert comment("waiting") == b": waiting\n\n"
    assert retry_event(1000) == b"retry: 1000\n\n"
