"""Cancels work whose client has disconnected."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

from sidecar.core.errors import ClientDisconnected

T = TypeVar("T")


async def cancel_on_disconnect(receive: Receive, work: Awaitable[T]) -> T:
    """Return the result of `work`, or cancel it when the client disconnects.

    Serve cancels the handler of a disconnected client only in some of its modes, so this watches
    the connection itself. The request's body must have been read.

    Raises:
        ClientDisconnected: when the client disconnects before the work is done.
    """
    task = asyncio.ensure_future(work)
    disconnect = asyncio.create_task(_wait_for_disconnect(receive))
    try:
        await asyncio.wait({task, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnected
        return task.result()
    finally:
        task.cancel()
        disconnect.cancel()
        await asyncio.gather(task, disconnect, return_exceptions=True)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
