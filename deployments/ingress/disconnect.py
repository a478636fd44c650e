"""Clients that leave before they have their answer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

from sidecar.core.errors import ClientDisconnected

T = TypeVar("T")


async def cancel_on_disconnect(receive: Receive, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client leaves.

    Serve cancels a handler whose client left in some of its modes only, so the connection itself is
    watched. The request's body must have been read. Raises ClientDisconnected.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.create_task(_wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnected
        return task.result()
    finally:
        for unfinished in (task, gone):
            unfinished.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
