"""Recipes from texts and pages over HTTP."""

import json
from typing import Any

import pytest

from tests.unit.deployments.conftest import IngressClient

PAGE = {
    "@context": "https://schema.org",
    "@type": "Recipe",
    "name": "Pancakes",
    "recipeYield": "4 servings",
    "prepTime": "PT10M",
    "cookTime": "PT20M",
    "recipeIngredient": ["200 g flour", "2 eggs, beaten"],
    "recipeInstructions": [
        {"@type": "HowToStep", "text": "Mix."},
        {"@type": "HowToStep", "text": "Fry."},
    ],
}
TEXT = """Pfannkuchen
Für 4 Personen

Zutaten:
200 g Mehl
2 Eier, verquirlt

Zubereitung
Alles mischen.
In der Pfanne backen."""


async def extract(ingress: IngressClient, payload: Any) -> Any:
    body = {"tenant_id": "t1", "payload": payload}
    return await ingress.http.post("/api/v1/recipes/extract", json=body)


async def test_a_page_in_the_terms_of_schema_org(ingress: IngressClient) -> None:
    html = f'<html><script type="application/ld+json">{json.dumps(PAGE)}</script></html>'
    found = (await extract(ingress, {"html": html})).json()["payload"]
    assert (found["title"], found["servings"]) == ("Pancakes", 4)
    assert (found["prep_time"], found["cook_time"]) == (10, 20)
    assert [(i["quantity"], i["unit"], i["name"], i["note"]) for i in found["ingredients"]] == [
        (200, "g", "flour", None),
        (2, "", "eggs", "beaten"),
    ]
    assert found["steps"] == ["Mix.", "Fry."]


@pytest.mark.parametrize("headings", [True, False])
async def test_a_pasted_text_with_and_without_headings(
    ingress: IngressClient, headings: bool
) -> None:
    text = TEXT if headings else TEXT.replace("Zutaten:\n", "").replace("Zubereitung\n", "")
    found = (await extract(ingress, {"text": text})).json()["payload"]
    assert (found["title"], found["servings"]) == ("Pfannkuchen", 4)
    assert [(i["quantity"], i["unit"], i["name"]) for i in found["ingredients"]] == [
        (200, "g", "Mehl"),
        (2, "", "Eier"),
    ]
    assert found["steps"] == ["Alles mischen.", "In der Pfanne backen."]


@pytest.mark.parametrize(
    ("payload", "status", "word"),
    [
        ({}, 422, "text or html"),
        ({"text": "a", "html": "b"}, 422, "text or html"),
        ({"html": "<p>no recipe</p>"}, 422, "schema.org"),
        ({"html": "<div>" * 500}, 422, "schema.org"),
    ],
)
async def test_invalid_input_is_refused(
    ingress: IngressClient, payload: dict[str, Any], status: int, word: str
) -> None:
    response = await extract(ingress, payload)
    assert response.status_code == status
    assert word in response.json()["error"]
