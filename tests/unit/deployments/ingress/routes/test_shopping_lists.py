"""Shopping lists over HTTP: what is merged, at home, in which order, and invalid input."""

from typing import Any

import pytest

from tests.unit.deployments.conftest import IngressClient

SOUP = {"id": "soup", "name": "Soup", "ingredients": ["500 g tomatoes", "100 ml cream", "1 egg"]}
SALAD = {"id": "salad", "name": "Salad", "servings": 2, "ingredients": ["0.5 kg tomatoes"]}


async def make(ingress: IngressClient, payload: Any) -> Any:
    body = {"tenant_id": "t1", "payload": payload}
    return await ingress.http.post("/api/v1/shopping-list", json=body)


async def test_the_same_food_is_one_entry_and_what_is_at_home_is_none(
    ingress: IngressClient,
) -> None:
    stock = [{"ingredient_id": "c", "name": "Cream", "quantity": 1, "unit": "l"}]
    payload = {"recipes": [SOUP, SALAD], "inventory": stock, "servings": 4}
    response = await make(ingress, payload)
    items = {item["name"]: item for item in response.json()["payload"]["items"]}
    assert set(items) == {"tomatoes", "egg"}
    assert (items["tomatoes"]["quantity"], items["tomatoes"]["unit"]) == (1500, "g")
    assert items["tomatoes"]["for_recipes"] == ["soup", "salad"]


async def test_entries_come_in_the_order_of_the_aisles(ingress: IngressClient) -> None:
    aisles = ["Dairy", "Produce"]
    payload = {"recipes": [SOUP, SALAD], "aisles": aisles}
    items = (await make(ingress, payload)).json()["payload"]["items"]
    places = [aisles.index(item["category"]) for item in items]
    assert len(items) == 3
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("payload", "status", "word"),
    [
        ({"recipes": []}, 422, "recipes"),
        ({"recipes": [SOUP, SOUP]}, 422, "twice: soup"),
        ({"recipes": [SOUP], "servings": 1e300}, 422, "servings"),
        ({"recipes": [SOUP], "aisles": ["a"] * 101}, 413, "limit is 100"),
        ({"recipes": [SOUP], "aisles": ["a", "a"]}, 422, "twice: a"),
        (
            {
                "recipes": [
                    {**SOUP, "id": f"{n}", "ingredients": [f"1 food{n}x{i}" for i in range(51)]}
                    for n in range(20)
                ]
            },
            413,
            "1020 foods",
        ),
    ],
)
async def test_invalid_input_is_refused(
    ingress: IngressClient, payload: dict[str, Any], status: int, word: str
) -> None:
    response = await make(ingress, payload)
    assert response.status_code == status
    assert word in response.json()["error"]
