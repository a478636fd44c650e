"""Reads requests' bodies, such that unfinished ones can't keep others out.

A body that arrives slowly occupies a place of the replica and the memory of what has arrived. So a
body has to make progress, the memory of all bodies is bounded, and so is the number of unfinished
ones: one more ends the one that has been without progress for the longest time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from sidecar.core.errors import BadRequest, Overloaded, RequestTimeout, TooLarge

#: Progress is this many bytes, or the end of the body.
_PROGRESS_BYTES: Final = 16 * 1024
#: Seconds within which a body has to make progress, and those within which it has to end.
_PROGRESS_S: Final = 10.0
_TOTAL_S: Final = 120.0
#: Unfinished bodies at once: less than half of what a replica accepts at a time.
_MAX_UNFINISHED: Final = 100
#: Bodies of maximum size that a replica buffers at once; parsed, they take a few times the memory.
_MAX_BUFFERED_BODIES: Final = 8


class _Upload:
    """A body that is not complete yet."""

    def __init__(self, timeout: asyncio.Timeout, now: float) -> None:
        self._timeout = timeout
        self._started = now
        self._unmarked = 0  # bytes since the last progress
        self.is_evicted = False
        self.progressed_at = now

    def add(self, size: int, now: float) -> None:
        self._unmarked += size
        if self._unmarked >= _PROGRESS_BYTES:
            self._unmarked = 0
            self.progressed_at = now
            self._timeout.reschedule(min(now + _PROGRESS_S, self._started + _TOTAL_S))

    def evict(self, now: float) -> None:
        self.is_evicted = True
        self._timeout.reschedule(now)


class BodyReader:
    """Reads the bodies of one replica; for one event loop."""

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes
        self._unfinished: set[_Upload] = set()
        self._buffered_bytes = 0

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Provide the whole body; its memory counts until the block ends.

        Raises:
            TooLarge: when the declared length, or what has arrived, is over the limit.
            RequestTimeout: when the body arrives too slowly.
            BadRequest: when the client disconnects midway.
            Overloaded: when unfinished or large bodies take all the room.
        """
        too_large = TooLarge(f"The request body is over the limit of {self._max_body_bytes} bytes.")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._max_body_bytes:
            raise too_large
        chunks: list[bytes] = []
        size = 0
        try:
            async with self._deadline() as upload:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BadRequest("The client disconnected before the end of the body.")
                    chunk = message.get("body", b"")
                    if size + len(chunk) > self._max_body_bytes:
                        raise too_large
                    self._buffer(len(chunk))
                    size += len(chunk)
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        break
                    upload.add(len(chunk), asyncio.get_running_loop().time())
            yield b"".join(chunks)
        finally:
            self._buffered_bytes -= size

    def _buffer(self, size: int) -> None:
        if self._buffered_bytes + size > _MAX_BUFFERED_BODIES * self._max_body_bytes:
            raise Overloaded("Too many large requests are in progress.", retry_after_s=1)
        self._buffered_bytes += size

    @asynccontextmanager
    async def _deadline(self) -> AsyncIterator[_Upload]:
        now = asyncio.get_running_loop().time()
        upload: _Upload | None = None
        try:
            async with asyncio.timeout_at(now + _PROGRESS_S) as timeout:
                upload = _Upload(timeout, now)
                with self._counted(upload, now):
                    yield upload
        except TimeoutError:
            if upload is not None and upload.is_evicted:
                raise Overloaded(
                    "Too many requests are being received; send the body at once.", retry_after_s=1
                ) from None
            raise RequestTimeout from None

    @contextmanager
    def _counted(self, upload: _Upload, now: float) -> Iterator[None]:
        self._unfinished.add(upload)
        if len(self._unfinished) > _MAX_UNFINISHED:
            slowest = min(self._unfinished, key=lambda other: other.progressed_at)
            self._unfinished.discard(slowest)
            slowest.evict(now)
        try:
            yield
        finally:
            self._unfinished.discard(upload)


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields the body in one message, then the connection's messages."""
    is_replayed = False

    async def replay() -> Message:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
