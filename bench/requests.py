"""What the benchmarks ask: requests made up of the same words."""

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
"""A path and the JSON of a body."""


def words(choose: random.Random, count: int) -> str:
    """A text of so many words."""
    return " ".join(choose.choices(WORDS, k=count))


def unheard(choose: random.Random) -> str:
    """A text that was not there before."""
    return f"{words(choose, 3)} {choose.randrange(10**9)}"


def categorize(name: str) -> Request:
    """One name into one of the labels."""
    return "/api/v1/categorize", {"payload": {"item_name": name, "candidate_labels": LABELS}}


def new_name(choose: random.Random) -> Request:
    """A name that was not asked for before."""
    return categorize(unheard(choose))


def categorize_all(names: Sequence[str]) -> Request:
    """Names in one request."""
    items = [{"id": number, "name": name} for number, name in enumerate(names)]
    return "/api/v1/categorize-batch", {"payload": {"items": items, "candidate_labels": LABELS}}


def receipt() -> Request:
    """The sample's photo, to be read while the caller waits."""
    image = base64.b64encode(_SAMPLE.read_bytes()).decode()
    return "/api/v1/extract-receipt", {"payload": {"image_base64": image}}
