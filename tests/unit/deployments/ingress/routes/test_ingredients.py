"""Ingredient lines over HTTP: amounts, matches with a catalog, and invalid input."""

from typing import Any

import pytest

from tests.unit.deployments.conftest import IngressClient


async def parse(ingress: IngressClient, payload: Any) -> Any:
    body = {"tenant_id": "t1", "payload": payload}
    return await ingress.http.post("/api/v1/ingredients/parse", json=body)


async def test_lines_are_parsed_in_order_and_weighed(ingress: IngressClient) -> None:
    payload = {
        "lines": ["2 EL Olivenöl", "2 (400 g) cans tomatoes", "1 Packung Reis", "sale q.b."],
        "conversions": [{"unit": "pack", "quantity": 500, "to": "g", "name": "Reis"}],
    }
    oil, tomatoes, rice, salt = (await parse(ingress, payload)).json()["payload"]["ingredients"]
    assert (oil["quantity"], oil["unit"], oil["name"], oil["match"]) == (
        2,
        "tbsp",
        "Olivenöl",
        None,
    )
    assert oil["grams"] == pytest.approx(27.2, abs=0.1)
    assert (tomatoes["grams"], tomatoes["size"]) == (800, {"quantity": 400, "unit": "g"})
    assert rice["grams"] == 500
    assert (salt["quantity"], salt["unit"], salt["grams"], salt["note"]) == (
        None,
        None,
        None,
        "q.b.",
    )


async def test_foods_are_matched_by_their_words(ingress: IngressClient) -> None:
    catalog = [
        {"ingredient_id": "f1", "name": "tomato"},
        {"ingredient_id": "f2", "name": "cherry tomatoes"},
    ]
    payload = {"lines": ["2 ripe cherry tomatoes", "3 tomatoes"], "catalog": catalog}
    found = (await parse(ingress, payload)).json()["payload"]["ingredients"]
    assert [line["match"]["ingredient_id"] for line in found] == ["f2", "f1"]
    assert found[1]["match"] == {
        "ingredient_id": "f1",
        "name": "tomato",
        "score": 1.0,
        "method": "words",
    }


@pytest.mark.parametrize(
    ("payload", "status", "word"),
    [
        ({"lines": []}, 422, "lines"),
        ({"lines": ["x"] * 1001}, 413, "1000 lines"),
        ({"lines": ["x" * 501]}, 413, "500 characters"),
        ({"lines": ["x"], "language": "xx"}, 422, "language"),
        (
            {"lines": ["x"], "conversions": [{"unit": "pack", "quantity": 1e300, "to": "g"}]},
            422,
            "quantity",
        ),
        ({"lines": ["x"], "catalog": [{"ingredient_id": "a", "name": "b"}] * 2}, 422, "twice"),
    ],
)
async def test_invalid_input_is_refused(
    ingress: IngressClient, payload: dict[str, Any], status: int, word: str
) -> None:
    response = await parse(ingress, payload)
    assert response.status_code == status
    assert word in response.json()["error"]
