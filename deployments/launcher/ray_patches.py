"""All of the launcher's uses of Ray's private attributes.

tests/unit/deployments/launcher/test_ray_patches.py fails when Ray changes one of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Workers that the service needs at once: Serve's controller and two proxies, the application's
#: builder and five replicas.
_PRESTARTED_WORKERS = 9


@contextmanager
def tuned_start(*, whole_dashboard: bool) -> Iterator[None]:
    """Within this context `ray.init` starts Ray's processes in ways that no option allows.

    The first workers start all at once. The autoscaler, which is useless on one machine, doesn't
    start. Of Ray's dashboard, in which each module is a process, only the one that `serve deploy`
    calls starts, unless `whole_dashboard`.
    """
    from ray._private import ray_constants, services
    from ray._private.node import Node

    extra_arguments: dict[str, list[str]] = {
        ray_constants.PROCESS_TYPE_RAYLET: [
            f"--num_prestart_python_workers={_PRESTARTED_WORKERS}",
            f"--maximum_startup_concurrency={_PRESTARTED_WORKERS}",
        ]
    }
    if not whole_dashboard:
        extra_arguments[ray_constants.PROCESS_TYPE_DASHBOARD] = ["--modules-to-load=ServeHead"]
    start_process, start_monitor = services.start_ray_process, Node.start_monitor

    def start_with_arguments(command: list[str], process_type: str, **options: Any) -> Any:
        command = [*command, *extra_arguments.get(process_type, [])]
        return start_process(command, process_type, **options)

    services.start_ray_process = start_with_arguments  # type: ignore[assignment]
    Node.start_monitor = lambda self: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        services.start_ray_process = start_process
        Node.start_monitor = start_monitor  # type: ignore[method-assign]


def session_folder() -> Path:
    """Return the folder of the running Ray: its logs, sockets and spilled objects."""
    from ray._private import worker

    node = worker._global_node
    assert node is not None
    return Path(node.get_session_dir_path())


def deploy(schema: Any) -> None:
    """Deploy a ServeDeploySchema as `serve run` does, for which there is no public function."""
    from ray.serve.context import _get_global_client

    client = _get_global_client(raise_if_no_controller_running=True)
    assert client is not None
    client.deploy_apps(schema)
