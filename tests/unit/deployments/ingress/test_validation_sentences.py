"""Every invalid field of every example request is named in a sentence without Python's words."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest

from deployments.ingress.examples import EXAMPLE_BODIES
from tests.unit.deployments.conftest import IngressClient

#: Words of pydantic's own messages, which speak of its types and of Python's.
PYDANTIC = re.compile(
    r"Input|valid |validat|instance|Tuple|tuple|dictionary|pydantic|constrained|function-|\bNone\b"
    r"|\[|string|integer"
)
WRONG: tuple[Any, ...] = (None, True, -7.5, "", "x" * 30, [], [None], {}, {"?": 1})


def wrong_bodies(body: Any) -> Iterator[Any]:
    """Yield the body with each of its values replaced, one at a time, by each wrong one."""
    pending: list[tuple[tuple[Any, ...], Any]] = [((), body)]
    paths: list[tuple[Any, ...]] = []
    while pending:
        path, value = pending.pop()
        paths.append(path)
        entries = (
            value.items()
            if isinstance(value, dict)
            else enumerate(value)
            if isinstance(value, list)
            else ()
        )
        pending += [((*path, name), entry) for name, entry in entries]
    for path in paths:
        for wrong in WRONG:
            if not path:
                yield wrong
                continue
            changed = copy.deepcopy(body)
            parent = changed
            for part in path[:-1]:
                parent = parent[part]
            parent[path[-1]] = wrong
            yield changed


@pytest.mark.parametrize("name", EXAMPLE_BODIES)
async def test_no_error_speaks_of_python(ingress: IngressClient, name: str) -> None:
    method, path = name.split()
    path = path.replace("{job_id}", "job_0")
    refused = 0
    for body in wrong_bodies(EXAMPLE_BODIES[name]):
        response = await ingress.http.request(
            method, path, json=body, headers={"x-tenant-id": "demo"}
        )
        if response.status_code != (400 if path.startswith("/v1/") else 422):
            continue
        answer = response.json()
        sentence = answer["error"]["message"] if path.startswith("/v1/") else answer["error"]
        assert not PYDANTIC.search(sentence), (body, sentence)
        assert sentence.endswith("."), sentence
        refused += 1
    assert refused
