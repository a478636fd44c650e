"""Receipts as files: multipart/form-data, or a body that is the image itself.

Both become the JSON body that the route takes, so that they are validated, limited and answered as
it is.
"""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import Request, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Scope

from deployments.ingress.json import JsonRoute
from deployments.ingress.uploads import replayed
from jobs.tasks.registry import RECEIPT_EXTRACTION
from sidecar.core.errors import BadRequest

_OPTIONS: Final = "options"
#: Text parts of a form, besides `options`.
_FIELDS: Final = (
    "request_id",
    "tenant_id",
    "account_id",
    "user_id",
    "callback_url",
    "feature",
    "version",
)
_MAX_PARTS: Final = 50

#: The paths that take uploads, with the function that places fields and image in their JSON.
Place = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


def _in_envelope(fields: Mapping[str, Any], receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fields, "payload": receipt}


def _in_job(fields: Mapping[str, Any], receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"feature": RECEIPT_EXTRACTION, **fields, "payload": receipt}


def _bare(fields: Mapping[str, Any], receipt: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fields, **receipt}


_PLACES: Final[Mapping[str, Place]] = {
    "/api/v1/extract-receipt": _in_envelope,
    "/api/v1/receipts/extract": _bare,
    "/api/v1/jobs": _in_job,
}


class UploadRoute(JsonRoute):
    """A route whose POST takes files too, where its path is one of those that read receipts."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler of JSON bodies."""
        handle = super().get_route_handler()
        place = _PLACES.get(self.path)
        if place is None or "POST" not in self.methods:
            return handle

        async def handle_upload(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind == "multipart/form-data":
                return await handle(_as_json(request, place(*await _read_form(request))))
            if kind.startswith("image/") or kind == "application/pdf":
                body = place(*await _read_image(request))
                return await handle(_as_json(request, body, reads_query=True))
            return await handle(request)

        return handle_upload


async def _read_form(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a form's fields, and its files and options as a receipt's payload.

    Raises:
        BadRequest: when the form can't be read, or has no file or an unknown part.
    """
    fields: dict[str, Any] = {}
    images: list[str] = []
    receipt: dict[str, Any] = {}
    try:
        async with request.form(max_files=_MAX_PARTS, max_fields=_MAX_PARTS) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    images.append(await _base64(await value.read()))
                elif name == _OPTIONS:
                    receipt[_OPTIONS] = _parse_options(value)
                elif name in _FIELDS:
                    fields[name] = value
                else:
                    raise BadRequest(f"The form has an unknown field {name[:100]!r}.")
    except HTTPException as error:  # starlette's, for a form that can't be parsed
        raise BadRequest(f"The form can't be read: {error.detail}") from error
    if not images:
        raise BadRequest("The form has no file; send the image as a file part.")
    if len(images) == 1:
        receipt["image_base64"] = images[0]
    else:
        receipt["images_base64"] = images
    return fields, receipt


async def _read_image(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return no fields, and the body and the query's options as a receipt's payload."""
    receipt: dict[str, Any] = {"image_base64": await _base64(await request.body())}
    if _OPTIONS in request.query_params:
        receipt[_OPTIONS] = _parse_options(request.query_params[_OPTIONS])
    return {}, receipt


def _parse_options(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest("options: must be a JSON object.") from error


async def _base64(data: bytes) -> str:
    return (await asyncio.to_thread(base64.b64encode, data)).decode()


def _as_json(request: Request, body: Mapping[str, Any], *, reads_query: bool = False) -> Request:
    """Return the request with a JSON body in the place of its own, and of the query's options."""
    content = orjson.dumps(body)
    headers: Sequence[tuple[bytes, bytes]] = [
        *(
            (name, value)
            for name, value in request.scope["headers"]
            if name not in (b"content-type", b"content-length")
        ),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    scope: Scope = {**request.scope, "headers": headers}
    if reads_query:
        query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        rest = urlencode([(name, value) for name, value in query if name != _OPTIONS])
        scope["query_string"] = rest.encode()
    return Request(scope, replayed(content, request.receive))
