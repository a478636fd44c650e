"""Bodies of the operations that take a receipt as a file, see receipt_files.py."""

from collections.abc import Mapping
from typing import Any, Final

_FILE: Final = {"type": "string", "format": "binary"}
_ID: Final = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
_TEXTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "request_id": _ID,
    "tenant_id": _ID,
    "account_id": {**_ID, "description": "The tenant."},
    "user_id": _ID,
    "version": {"type": "string", "maxLength": 50},
    "callback_url": {
        "type": "string",
        "maxLength": 2000,
        "description": "Called when the job has ended; http or https.",
    },
}
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "/api/v1/extract-receipt": ("request_id", "tenant_id", "user_id"),
    "/api/v1/receipts/extract": ("request_id", "account_id", "user_id", "version"),
    "/api/v1/jobs": ("request_id", "tenant_id", "user_id", "callback_url"),
}
_OPTIONS: Final = {"$ref": "#/components/schemas/ReceiptOptions"}


def add_uploads(paths: Mapping[str, Any]) -> None:
    """Add the bodies that are forms or files, and their parameter, to the document's paths."""
    for path, fields in _FIELDS.items():
        operation = paths[path]["post"]
        content = operation["requestBody"]["content"]
        content["multipart/form-data"] = {
            "schema": _form(fields),
            "encoding": {"options": {"contentType": "application/json"}},
        }
        for media_type in ("image/*", "application/pdf"):
            content[media_type] = {"schema": _FILE}
        operation["parameters"].append(
            {
                "name": "options",
                "in": "query",
                "description": "ReceiptOptions as JSON, for a body that is an image or a PDF; "
                "ignored and named in warnings with any other.",
                "schema": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": _OPTIONS,
                },
            }
        )


def _form(fields: tuple[str, ...]) -> dict[str, Any]:
    image = {
        "type": "array",
        "items": _FILE,
        "minItems": 1,
        "maxItems": 50,
        "description": "The image or PDF; several for photographs of one receipt, from top to "
        "bottom. The part may have any name.",
    }
    options = {**_OPTIONS, "description": "As JSON."}
    return {
        "title": "Upload",
        "type": "object",
        "required": ["image"],
        "additionalProperties": False,
        "properties": {
            "image": image,
            "options": options,
            **{name: dict(_TEXTS[name]) for name in fields},
        },
    }
