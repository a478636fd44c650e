"""Takes docs/images from a running service: `python docs/screenshots.py http://127.0.0.1:8000`.

It submits the sample receipt and a plan first. `--every FOLDER` takes every page instead, wide and
narrow, light and dark. Look at the pictures before they are committed.
"""

import argparse
import base64
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
TENANT = {"x-tenant-id": "demo"}
WIDE, PHONE = 1440, 390


@dataclass(frozen=True)
class Picture:
    """One page as it is looked at."""

    name: str
    path: str
    scheme: str = "light"
    width: int = WIDE
    whole: bool = False  # beyond the first screen


def read_sample(url: str) -> str:
    """Return the id of a finished job that read the sample receipt."""
    image = base64.b64encode((ROOT / "samples" / "receipt.jpg").read_bytes()).decode()
    return finished(url, {"feature": "receipt_extraction", "payload": {"image_base64": image}})


def finished(url: str, body: Mapping[str, Any]) -> str:
    """Submit a job and return its id when it has ended."""
    with httpx.Client(base_url=url, headers=TENANT, timeout=60) as client:
        job = client.post("/api/v1/jobs", json=body).raise_for_status().json()
        while job["status"] in ("queued", "running"):
            time.sleep(0.2)
            job = client.get(f"/api/v1/jobs/{job['id']}").raise_for_status().json()
    return str(job["id"])


def submit_plan(url: str) -> str:
    """Return the id of a finished job that planned meals."""
    rice = {"ingredient_id": "rice", "name": "Rice", "quantity": 200, "unit": "g"}
    eggs = {"ingredient_id": "eggs", "name": "Eggs", "quantity": 3, "unit": "piece"}
    recipes = [
        {"id": name, "name": name, "prep_time": 5, "cook_time": 20, "ingredients": ingredients}
        for name, ingredients in (
            ("Rice bowl", [rice]),
            ("Egg fried rice", [rice, eggs]),
            ("Omelette", [eggs]),
        )
    ]
    payload = {
        "planning_horizon": {
            "start_date": "2026-01-12",
            "days": 3,
            "meal_types": ["lunch", "dinner"],
        },
        "inventory": [{**rice, "quantity": 1000, "days_until_expiry": 3}],
        "recipes": recipes,
    }
    return finished(url, {"feature": "meal_optimization", "payload": payload})


def take(url: str, pictures: Iterable[Picture], folder: Path) -> None:
    """Take the pictures of a running service."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for picture in pictures:
            page = browser.new_page(
                base_url=url,
                viewport={"width": picture.width, "height": 900},
                color_scheme="dark" if picture.scheme == "dark" else "light",
            )
            page.goto(f"/dashboard{picture.path}", wait_until="networkidle")
            page.locator("main").wait_for()
            path = folder / f"{picture.name}.png"
            page.screenshot(path=path, full_page=picture.whole)
            Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)
            page.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument(
        "--every", type=Path, help="a folder for every page, wide and narrow, light and dark"
    )
    options = parser.parse_args()
    job_id, plan_id = read_sample(options.url), submit_plan(options.url)
    pages = {
        "overview": "?window=day",
        "jobs": "/jobs",
        "job": f"/jobs/{job_id}",
        "plan": f"/jobs/{plan_id}",
        "review": f"/review/{job_id}",
        "use": "/use",
    }
    if options.every is None:
        pictures = [Picture(name, path) for name, path in pages.items()]
        pictures.append(Picture("overview-dark", pages["overview"], scheme="dark"))
        pictures.append(Picture("phone", pages["job"], scheme="dark", width=PHONE))
        take(options.url, pictures, IMAGES)
        return
    pages |= {
        "queue": "/review",
        "try": "/try",
        "artifacts": "/artifacts",
        "feedback": "/feedback",
        "error": "/jobs/none",
    }
    options.every.mkdir(parents=True, exist_ok=True)
    take(
        options.url,
        [
            Picture(f"{name}-{scheme}-{width}", path, scheme, width, whole=True)
            for name, path in pages.items()
            for scheme in ("light", "dark")
            for width in (WIDE, PHONE)
        ],
        options.every,
    )


if __name__ == "__main__":
    main()
