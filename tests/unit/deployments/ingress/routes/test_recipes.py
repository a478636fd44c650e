"""Recipes from texts, pages and images over HTTP."""

import asyncio
import base64
import io
import json
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

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


LEFT = ("Ingredients", "200 g flour", "2 eggs", "300 ml milk", "1 tbsp sugar")
RIGHT = (
    "Method",
    "Mix flour and milk well.",
    "Add the beaten eggs.",
    "Let it rest an hour.",
    "Fry.",
)


def page_of_two_columns() -> Image.Image:
    """Return a page with the ingredients beside the steps."""
    picture = Image.new("RGB", (1240, 900), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(34)
    draw.text((80, 50), "Pancakes as my grandmother made them on Sundays", fill="black", font=font)
    draw.text((80, 130), "Serves 4", fill="black", font=font)
    for number, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        draw.text((80, 240 + 80 * number), left, fill="black", font=font)
        draw.text((560, 240 + 80 * number), right, fill="black", font=font)
    return picture


def photographed(page: Image.Image) -> Image.Image:
    """Return the page as a phone takes it: turned a little, on a table, in uneven light."""
    table = Image.new("RGB", (1500, 1200), (118, 96, 80))
    table.paste(page, (130, 150))
    turned = table.rotate(1.5, Image.Resampling.BICUBIC, fillcolor=(118, 96, 80))
    light = Image.linear_gradient("L").resize(turned.size).point(lambda value: 150 + value * 2 // 5)
    return ImageChops.multiply(turned, Image.merge("RGB", [light] * 3))


@pytest.mark.parametrize("kind", ["PNG", "PDF", "photograph"])
async def test_ingredients_beside_the_steps_of_a_page(settings: Settings, kind: str) -> None:
    page, file = page_of_two_columns(), io.BytesIO()
    if kind == "photograph":
        photographed(page).save(file, "JPEG", quality=80)
    else:
        page.save(file, kind)
    settings = settings.model_copy(update={"max_image_bytes": 5_000_000})
    image = base64.b64encode(file.getvalue()).decode()
    found = await run_job(settings, {"image_base64": image, "language": "en"})
    assert [(i["quantity"], i["unit"], i["name"]) for i in found["ingredients"]] == [
        (200, "g", "flour"),
        (2, "", "eggs"),
        (300, "ml", "milk"),
        (1, "tbsp", "sugar"),
    ]
    assert found["steps"] == list(RIGHT[1:])
    assert found["servings"] == 4
    assert found["title"].startswith("Pancakes")


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
