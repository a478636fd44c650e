"""The launcher's assumptions about Ray's private code."""

import inspect
import warnings
from typing import Any

import pytest

from deployments.launcher.ray_patches import tuned_start

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # raised when Ray is imported
    from ray._private import ray_constants, services
    from ray._private.node import Node
    from ray.serve._private.client import ServeControllerClient
    from ray.serve.context import _get_global_client


def start_command(
    monkeypatch: pytest.MonkeyPatch, process_type: str, *, whole_dashboard: bool = False
) -> list[str]:
    """Return the command with which Ray starts a process under the patches."""
    commands: list[list[str]] = []

    def start(command: list[str], process_type: str, **_: Any) -> None:
        commands.append(command)

    monkeypatch.setattr(services, "start_ray_process", start)
    with tuned_start(whole_dashboard=whole_dashboard):
        services.start_ray_process(["program"], process_type, fate_share=True)
    return commands[0]


def test_the_first_workers_start_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    command = start_command(monkeypatch, ray_constants.PROCESS_TYPE_RAYLET)
    assert command[0] == "program"
    assert {argument.partition("=")[0] for argument in command[1:]} == {
        "--num_prestart_python_workers",
        "--maximum_startup_concurrency",
    }


def test_only_serves_module_of_rays_dashboard_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = ray_constants.PROCESS_TYPE_DASHBOARD
    assert start_command(monkeypatch, kind) == ["program", "--modules-to-load=ServeHead"]
    assert start_command(monkeypatch, kind, whole_dashboard=True) == ["program"]


def test_the_patches_are_undone() -> None:
    before = services.start_ray_process, Node.start_monitor
    with tuned_start(whole_dashboard=False):
        assert services.start_ray_process is not before[0]
        assert Node.start_monitor is not before[1]
    assert (services.start_ray_process, Node.start_monitor) == before


def test_ray_still_calls_what_is_patched() -> None:
    assert list(inspect.signature(services.start_ray_process).parameters)[:2] == [
        "command",
        "process_type",
    ]
    assert list(inspect.signature(Node.start_monitor).parameters) == ["self"]
    for starter in (services.start_raylet, services.start_api_server):
        assert "start_ray_process(" in inspect.getsource(starter)
    assert "self.start_monitor()" in inspect.getsource(Node.start_head_processes)
    # Our flags override the values that Ray passes before them.
    assert "num_prestart_python_workers" in inspect.getsource(services.start_raylet)
    assert "maximum_startup_concurrency" in inspect.getsource(services.start_raylet)


def test_serves_client_still_deploys_a_schema() -> None:
    assert "raise_if_no_controller_running" in inspect.signature(_get_global_client).parameters
    assert "config" in inspect.signature(ServeControllerClient.deploy_apps).parameters
