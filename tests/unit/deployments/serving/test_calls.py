"""Errors of calls to other deployments."""

import warnings

import pytest

from sidecar.core.errors import ModelUnavailable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised when Ray is imported
    from ray.exceptions import RayActorError
    from ray.serve.exceptions import RayServeException

    from deployments.serving.calls import map_serve_errors


@pytest.mark.parametrize(
    "error", [RayActorError(), RayServeException("gone"), TimeoutError("waiting for a broadcast")]
)
def test_a_deployment_that_does_not_respond_is_unavailable(error: Exception) -> None:
    with pytest.raises(ModelUnavailable), map_serve_errors():
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), map_serve_errors():
        raise KeyError("a bug")
