"""The benchmarks' requests: random ones from a small vocabulary, and the sample receipt."""

import base64
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SAMPLE = Path(__file__).parents[1] / "samples" / "receipt.jpg"

LABELS = (
    "Produce",
    "Dairy",
    "Meat & Seafood",
    "Bakery",
    "Frozen",
    "Pantry",
    "Snacks",
    "Beverages",
    "Household",
    "Other",
)
WORDS = """
slice chop simmer stir roast bake tomato onion garlic chicken beef lentil rice pasta cream
butter lemon basil cumin paprika until golden tender minutes over medium heat with the and
in serve warm fresh bread salad potato carrot cheese egg milk flour sugar salt pepper oil
""".split()  # noqa: SIM905 - words read best as text

Request = tuple[str, dict[str, Any]]
"""The path and the JSON body."""


def random_words(rng: random.Random, count: int) -> str:
    """Return a text of `count` words."""
    return " ".join(rng.choices(WORDS, k=count))


def new_text(rng: random.Random) -> str:
    """Return a text that is in no cache."""
    return f"{random_words(rng, 3)} {rng.randrange(10**9)}"


def categorize(name: str) -> Request:
    return "/api/v1/categorize", {"payload": {"item_name": name, "candidate_labels": LABELS}}


def new_name(rng: random.Random) -> Request:
    """Return a request to categorize a name that is in no cache."""
    return categorize(new_text(rng))


def categorize_batch(names: Sequence[str]) -> Request:
    items = [{"id": number, "name": name} for number, name in enumerate(names)]
    return "/api/v1/categorize-batch", {"payload": {"items": items, "candidate_labels": LABELS}}


def receipt() -> Request:
    """Return a synchronous request to read the sample receipt."""
    image = base64.b64encode(_SAMPLE.read_bytes()).decode()
    return "/api/v1/extract-receipt", {"payload": {"image_base64": image}}
