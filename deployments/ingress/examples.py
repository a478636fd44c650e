"""Example requests for the OpenAPI document; the test suite sends each of them."""

from collections.abc import Mapping
from typing import Any, Final

EXAMPLE_IDS: Final = {
    "job_id": "job_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1",
    "artifact_id": "art_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1",
    "tenant_id": "demo",
    "feature": "receipt_extraction",
    "model_id": "grocery-e5-small",
    "correction_id": "cor_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1",
}

#: A white image of 32 x 32 pixels.
EXAMPLE_PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgAQAAAABbAUdZAAAAD0lEQVR42mP4DwQMg5cAANrpf4Em8vpjAAAAAElF"
    "TkSuQmCC"
)
_LABELS: Final = ["Produce", "Dairy", "Bakery", "Other"]
_TEXTS: Final = [{"id": "a", "text": "oat milk"}, {"id": "b", "text": "rye bread"}]
_RECIPE: Final = {
    "id": "pancakes",
    "name": "Pancakes",
    "prep_time": 5,
    "cook_time": 15,
    "ingredients": [
        {"ingredient_id": "milk", "name": "Milk", "quantity": 300, "unit": "ml"},
        {"ingredient_id": "flour", "name": "Flour", "quantity": 200, "unit": "g"},
    ],
}
_MILK: Final = {
    "ingredient_id": "milk",
    "name": "Milk",
    "quantity": 1,
    "unit": "l",
    "days_until_expiry": 2,
}

#: Example body by operation.
EXAMPLE_BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "POST /api/v1/extract-receipt": {
        "payload": {"image_base64": EXAMPLE_PNG, "options": {"currency": "USD"}}
    },
    "POST /api/v1/receipts/extract": {"version": "1.0", "image_base64": EXAMPLE_PNG},
    "POST /api/v1/categorize": {
        "request_id": "req_1",
        "payload": {"item_name": "oat milk", "candidate_labels": _LABELS},
    },
    "POST /api/v1/categorize-batch": {
        "payload": {
            "items": [{"id": "1", "name": "oat milk"}, {"id": "2", "name": "rye bread"}],
            "candidate_labels": _LABELS,
        }
    },
    "POST /api/v1/embed": {"version": "1.0", "texts": _TEXTS},
    "POST /api/v1/embed/batch": {"version": "1.0", "texts": _TEXTS, "batch_size": 32},
    "POST /api/v1/search": {"payload": {"query": "bread", "documents": _TEXTS, "top_k": 1}},
    "POST /api/v1/optimize/meal-plan": {
        "payload": {
            "planning_horizon": {"start_date": "2026-01-12", "days": 2, "meal_types": ["dinner"]},
            "inventory": [_MILK],
            "recipes": [_RECIPE],
            "timeout_ms": 1000,
        }
    },
    "POST /api/v1/optimize/suggestions": {
        "payload": {"mode": "use_expiring", "inventory": [_MILK], "recipes": [_RECIPE]}
    },
    "POST /api/v1/ingredients/parse": {
        "payload": {
            "lines": ["2 EL Olivenöl", "1 (14 oz) can chopped tomatoes, drained", "sale q.b."],
            "catalog": [{"ingredient_id": "oil", "name": "Olivenöl"}],
        }
    },
    "POST /api/v1/shopping-list": {
        "payload": {
            "recipes": [_RECIPE, {**_RECIPE, "id": "soup", "ingredients": ["1 kg tomatoes"]}],
            "inventory": [_MILK],
            "aisles": ["Produce", "Dairy", "Bakery", "Other"],
        }
    },
    "POST /api/v1/recipes/extract": {
        "payload": {"text": "Pancakes\nServes 4\n200 g flour\n2 eggs\nMix and fry."}
    },
    "POST /v1/chat/completions": {
        "messages": [{"role": "user", "content": "What goes with leeks?"}],
        "max_tokens": 16,
    },
    "POST /v1/messages": {
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "What goes with leeks?"}],
    },
    "POST /v1/embeddings": {"input": ["oat milk", "rye bread"]},
    "POST /api/v1/jobs": {
        "feature": "receipt_extraction",
        "payload": {"image_base64": EXAMPLE_PNG},
    },
    "POST /api/v1/jobs/{job_id}/cancel": {"tenant_id": "demo"},
    "POST /api/v1/jobs/{job_id}/retry": {"tenant_id": "demo"},
    "POST /api/v1/jobs/{job_id}/webhook/resend": {"tenant_id": "demo"},
    "POST /api/v1/queues/{feature}/pause": {"reason": "The disk is being replaced."},
    "POST /api/v1/queues/{feature}/resume": {"tenant_id": None},
    "POST /api/v1/webhooks/ping": {"callback_url": "https://app.example/webhooks/sidecar"},
    "POST /api/v1/feedback": {
        "rating": "thumbs_up",
        "note": "All items are correct.",
        "job_id": EXAMPLE_IDS["job_id"],
    },
}
