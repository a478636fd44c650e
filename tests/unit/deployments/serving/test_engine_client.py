"""The engine's state, as health checks and chats ask for it."""

import warnings
from typing import Never

import pytest

from sidecar.core.errors import ModelUnavailable
from sidecar.core.setting_groups import EngineSettings
from sidecar.core.settings import Settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised when Ray is imported
    from ray.exceptions import RayActorError
    from ray.serve.exceptions import RayServeException

    from deployments.serving import engine_client
    from deployments.serving.engine_client import EngineClient


@pytest.mark.parametrize("error", [RayActorError(), RayServeException("Serve is not running")])
async def test_without_serves_controller_the_engine_is_down(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> Never:
        raise error

    monkeypatch.setattr(engine_client, "serve_status", fail)
    client = EngineClient(Settings())
    assert (await client.state()).status == "down"
    with pytest.raises(ModelUnavailable, match="Ray Serve does not answer"):
        await client.models()


async def test_an_engine_that_is_turned_off_is_off() -> None:
    state = await EngineClient(Settings(engine=EngineSettings(mode="off"))).state()
    assert state.status == "off"
