"""Calling another deployment: its errors come back as the errors they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from sidecar.core.errors import ModelUnavailable, Overloaded, ServiceError


async def await_call(response: Any) -> Any:
    """The answer to a unary handle call (Ray types it as a union that can't be awaited).

    Raises what `map_serve_errors` raises.
    """
    with map_serve_errors():
        return await response


@contextmanager
def map_serve_errors() -> Iterator[None]:
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
