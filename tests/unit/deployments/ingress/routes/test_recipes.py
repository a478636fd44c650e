"""Recipes from texts, pages and images over HTTP."""

import asyncio
import base64
import io
import json
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from jobs.queue.job import JobResult
from jobs.queue.job_context import JobContext
from jobs.tasks.recipe import read_recipe
from sidecar.core.errors import ServiceError
from sidecar.core.settings import Settings
from tests.unit.deployments.conftest import IngressClient, serve_ingress

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


async def run_job(settings: Settings, payload: Any) -> Any:
    """Send a recipe, and do the work of its job as a worker process does."""
    patient = settings.model_copy(update={"sync_timeout_s": 60.0, "max_body_bytes": 10_000_000})
    async with serve_ingress(patient) as ingress:
        response = asyncio.create_task(extract(ingress, payload))
        async with asyncio.timeout(30):
            while not (claimed := await ingress.claims.claim(["recipe_extraction"], 1)):
                await asyncio.sleep(0.01)
        (job,) = claimed
        image = None
        if "image" in job.input_payload:
            image = base64.b64decode(payload["image_base64"])
        context = JobContext(
            tenant_id=job.tenant_id, payload=job.input_payload, image=image, settings=settings
        )
        try:
            *_, result = await asyncio.to_thread(lambda: list(read_recipe(context)))
        except ServiceError as error:
            await ingress.queue.cancel(job.tenant_id, job.id)
            await response
            return error
        assert isinstance(result, JobResult)
        assert await ingress.claims.succeed(job, result)
        return (await response).json()["payload"]


async def test_a_page_in_the_terms_of_schema_org(settings: Settings) -> None:
    html = f'<html><script type="application/ld+json">{json.dumps(PAGE)}</script></html>'
    found = await run_job(settings, {"html": html})
    assert (found["title"], found["servings"]) == ("Pancakes", 4)
    assert (found["prep_time"], found["cook_time"]) == (10, 20)
    assert [(i["quantity"], i["unit"], i["name"], i["note"]) for i in found["ingredients"]] == [
        (200, "g", "flour", None),
        (2, "", "eggs", "beaten"),
    ]
    assert found["steps"] == ["Mix.", "Fry."]


@pytest.mark.parametrize("html", ["<p>no recipe</p>", "<div>" * 500])
async def test_a_page_without_a_recipe_fails(settings: Settings, html: str) -> None:
    error = await run_job(settings, {"html": html})
    assert error.code == "validation_error"
    assert "schema.org" in error.message


async def test_a_photograph_of_a_recipe(settings: Settings) -> None:
    picture = Image.new("RGB", (900, 700), "white")
    font = ImageFont.load_default(32)
    for number, line in enumerate(TEXT.splitlines()):
        ImageDraw.Draw(picture).text((40, 30 + 60 * number), line, fill="black", font=font)
    file = io.BytesIO()
    picture.save(file, "PNG")
    settings = settings.model_copy(update={"max_image_bytes": 1_000_000})
    image = base64.b64encode(file.getvalue()).decode()
    found = await run_job(settings, {"image_base64": image, "language": "de"})
    assert found["source"] == "image"
    assert [(i["quantity"], i["unit"], i["name"]) for i in found["ingredients"]] == [
        (200, "g", "Mehl"),
        (2, "", "Eier"),
    ]
    assert found["servings"] == 4
    assert found["ocr_confidence"] > 0.8


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
        ({}, 422, "exactly one of text, html"),
        ({"text": "a", "html": "b"}, 422, "exactly one of text, html"),
        ({"html": "b", "image_base64": "AAAA"}, 422, "exactly one of text, html"),
        ({"image_base64": "AAAA"}, 400, "image"),
    ],
)
async def test_invalid_input_is_refused(
    ingress: IngressClient, payload: dict[str, Any], status: int, word: str
) -> None:
    response = await extract(ingress, payload)
    assert response.status_code == status
    assert word in response.json()["error"]
