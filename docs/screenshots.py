"""Takes docs/images from a running service: `python docs/screenshots.py http://127.0.0.1:8000`.

It submits the sample receipt first. Look at the pictures before they are committed.
"""

import argparse
import base64
import shutil
import time
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
TENANT = {"x-tenant-id": "demo"}
WIDE, PHONE = (1280, 900), (390, 844)


def read_sample(url: str) -> str:
    """Return the id of a finished job that read the sample receipt."""
    image = base64.b64encode((ROOT / "samples" / "receipt.jpg").read_bytes()).decode()
    body = {"feature": "receipt_extraction", "payload": {"image_base64": image}}
    with httpx.Client(base_url=url, headers=TENANT, timeout=60) as client:
        job = client.post("/api/v1/jobs", json=body).raise_for_status().json()
        while job["status"] in ("queued", "running"):
            time.sleep(0.2)
            job = client.get(f"/api/v1/jobs/{job['id']}").raise_for_status().json()
    return str(job["id"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    url = parser.parse_args().url
    job_id = read_sample(url)
    pictures = (
        ("overview", "", "light", WIDE),
        ("overview-dark", "", "dark", WIDE),
        ("job", f"/jobs/{job_id}", "light", WIDE),
        ("review", f"/review/{job_id}", "light", WIDE),
        ("phone", f"/jobs/{job_id}", "dark", PHONE),
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path, scheme, (width, height) in pictures:
            page = browser.new_page(
                base_url=url,
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(f"/dashboard{path}")
            page.locator("main").wait_for()
            path_of_image = IMAGES / f"{name}.png"
            page.screenshot(path=path_of_image)
            Image.open(path_of_image).convert("RGB").quantize(128).save(
                path_of_image, optimize=True
            )
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
