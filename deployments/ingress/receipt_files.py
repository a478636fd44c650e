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
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, FormParser, parse_options_header
from starlette.types import Scope

from deployments.ingress.json import JsonRoute
from deployments.ingress.offloading import off_loop
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
    body = await request.body()
    return await off_loop(len(body), _parse_form, request.headers["content-type"], body)


def _parse_form(content_type: str, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    fields: dict[str, Any] = {}
    images: list[str] = []
    receipt: dict[str, Any] = {}
    for name, value in _parts(content_type, body):
        if isinstance(value, bytes):
            images.append(base64.b64encode(value).decode())
        elif name == _OPTIONS:
            receipt[_OPTIONS] = _parse_options(value)
        elif name in _FIELDS:
            fields[name] = value
        else:
            raise BadRequest(f"The form has an unknown field {name[:100]!r}.")
    if not images:
        raise BadRequest("The form has no file; send the image as a file part.")
    if len(images) == 1:
        receipt["image_base64"] = images[0]
    else:
        receipt["images_base64"] = images
    return fields, receipt


def _parts(content_type: str, body: bytes) -> Sequence[tuple[str, str | bytes]]:
    """Return the form's parts: the name of each, and a field's text or a file's bytes."""
    _, parameters = parse_options_header(content_type)
    # As a codec's name, the caller's charset could be any of Python's, of which some are slow.
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"us-ascii"):
        raise BadRequest("Send the form in UTF-8.")
    parts: list[tuple[str, str | bytes]] = []

    def add(name: bytes | None, value: str | bytes) -> None:
        if len(parts) == _MAX_PARTS:
            raise BadRequest(f"The form has more than {_MAX_PARTS} parts.")
        parts.append(((name or b"").decode(), value))

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        add(file.field_name, file.file_object.read())

    try:
        parser = FormParser(
            "multipart/form-data",
            on_field=lambda field: add(field.field_name, (field.value or b"").decode()),
            on_file=on_file,
            boundary=parameters.get(b"boundary"),
            config={"MAX_MEMORY_FILE_SIZE": len(body)},
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadRequest(f"The form can't be read: {str(error)[:200].rstrip('.')}.") from error
    except UnicodeDecodeError as error:
        raise BadRequest("The fields of the form must be text in UTF-8.") from error
    return parts


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
