"""Calls to another deployment, which raise its errors as they were raised there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from sidecar.core.errors import ModelUnavailable, Overloaded, ServiceError


async def await_call(response: Any) -> Any:
    """Return the result of a unary handle call; raises what `map_serve_errors` raises.

    Ray types the response as a union that can't be awaited.
    """
    with map_serve_errors():
        return await response


@contextmanager
def map_serve_errors() -> Iterator[None]:
    """Convert Ray's exceptions into a ServiceError.

    Raises:
        ServiceError: when the deployment raised it.
        Overloaded: when the deployment's queue is full.
        ModelUnavailable: when no replica responds, or not in the time that the call has.
    """
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, ServiceError):
            raise error.cause from None
        raise
    except BackPressureError as error:
        raise Overloaded(retry_after_s=1) from error
    except (RayError, RayServeException, TimeoutError) as error:
        raise ModelUnavailable(
            "The part of the service that does this is not running; try again shortly.",
            retry_after_s=5,
        ) from error
