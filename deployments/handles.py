"""Calling another deployment: its errors come back as the errors they were."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.schema import ServeStatus

from deployments.errors import ModelUnavailable, Overloaded, ServiceError

#: Serve changes a register of its own while it tells, and fails when two threads ask at once.
_ASKING = threading.Lock()
_FRESH_S = 1.0  # an answer costs the two processes 50 ms of a core, and many may wait for one
_told: tuple[float, ServeStatus] | None = None


def serve_status() -> ServeStatus:
    """What Serve's controller said of all applications a second ago or later. Raises RayError and
    RayServeException.
    """
    global _told
    with _ASKING:
        if _told is None or time.monotonic() > _told[0] + _FRESH_S:
            _told = time.monotonic(), serve.status()
        return _told[1]


async def ask(response: Any) -> Any:
    """The answer to a unary handle call (Ray types it as a union that can't be awaited).

    Raises what `as_service_errors` raises.
    """
    with as_service_errors():
        return await response


@contextmanager
def as_service_errors() -> Iterator[None]:
    """Raises the ServiceError that the other side raised, Overloaded when its queue is full, and
    ModelUnavailable when it has no replica that answers.
    """
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, ServiceError):
            raise error.cause from None
        raise
    except BackPressureError as error:
        raise Overloaded(retry_after_s=1) from error
    except (RayError, RayServeException) as error:
        raise ModelUnavailable(
            "The part of the service that does this is not running; try again shortly.",
            retry_after_s=5,
        ) from error
