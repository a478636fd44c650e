"""The API's documentation page.

Swagger UI comes from an installed package: nothing is fetched from outside the private network.
"""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from sidecar.core.errors import NotFound

router = APIRouter(prefix="/docs", include_in_schema=False)

_SWAGGER_UI: Final = files("fastapi_offline") / "static"
_OWN: Final = files("deployments.ingress") / "static"
_FILES: Final = {
    "swagger-ui-bundle.js": (_SWAGGER_UI, "text/javascript"),
    "swagger-ui.css": (_SWAGGER_UI, "text/css"),
    "docs.js": (_OWN, "text/javascript"),
}
_HEADERS: Final = {
    # Swagger UI sets styles of its elements, and draws its icons from data: URLs.
    "content-security-policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


@router.get("")
async def docs_page() -> Response:
    """Return the page that shows /openapi.json."""
    return Response((_OWN / "docs.html").read_bytes(), media_type="text/html", headers=_HEADERS)


@router.get("/static/{name}")
async def docs_file(name: str) -> Response:
    """Return a file of the page."""
    if name not in _FILES:
        raise NotFound("There is no such file.")
    folder, media_type = _FILES[name]
    headers = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
    return Response((folder / name).read_bytes(), media_type=media_type, headers=headers)
