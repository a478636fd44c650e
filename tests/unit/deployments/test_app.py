"""The graph has an engine more where the settings name a vision model."""

import warnings
from types import ModuleType

import pytest

from deployments.launcher.placement import apply, place
from sidecar.core.settings import Settings

VISION = Settings(engine={"vision_model": "zai-org/GLM-OCR", "tool_parser": "xlam"})


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # raised when Ray is imported
        from deployments import app
    monkeypatch.setattr(app, "is_vllm_installed", lambda: True)
    return app


def test_the_vision_engine_is_the_engine_with_settings_of_its_own(app: ModuleType) -> None:
    vision = app.build_vision_engine(VISION)._bound_deployment
    assert (vision.name, vision.func_or_class) == ("VisionEngine", app.Engine.func_or_class)
    [settings] = vision.init_args
    assert (settings.engine.model, settings.engine.tool_parser) == ("zai-org/GLM-OCR", "none")
    chat = app.build_engine(VISION)._bound_deployment
    assert (chat.name, chat.init_args) == ("Engine", (VISION,))


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ({}, "no vision model"),
        ({"vision_model": "zai-org/GLM-OCR", "mode": "off"}, "turned off"),
    ],
)
def test_without_one_a_deployment_says_why(
    app: ModuleType, engine: dict[str, str], reason: str
) -> None:
    vision = app.build_vision_engine(Settings(engine=engine))._bound_deployment
    assert vision.name == "VisionEngine"
    assert vision.func_or_class == app.UnavailableEngine.func_or_class
    assert reason in vision.init_args[0]


def test_the_launcher_deploys_what_the_graph_builds(app: ModuleType) -> None:
    from deployments.serving import engine_client

    serve = {
        "applications": [
            {"name": "engine", "import_path": "deployments.app:build_engine", "deployments": []},
        ]
    }
    serve["applications"][0]["deployments"] = [{"name": "Engine", "ray_actor_options": {}}]
    apply(serve, place([], VISION))
    [_, vision] = serve["applications"]
    assert vision["name"] == engine_client.VISION_APPLICATION
    module, _, build = str(vision["import_path"]).partition(":")
    assert module == app.__name__
    built = getattr(app, build)(VISION)._bound_deployment.name
    assert [entry["name"] for entry in vision["deployments"]] == [built]  # type: ignore[index]
    assert built == engine_client.VISION_DEPLOYMENT
