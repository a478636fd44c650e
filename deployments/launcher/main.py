"""Runs the whole service on this machine until Ctrl-C or SIGTERM.

Starts Ray on loopback with token authentication, deploys serve_config.yaml, waits until every part
is ready and prints the addresses. On the way out it stops every process that it started.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil

from deployments.launcher import haproxy, hardware, preflight, ray_cluster, ray_patches, readiness
from deployments.launcher.config import (
    INGRESS,
    SERVICE,
    ConfigError,
    LauncherConfig,
    load_config,
)
from deployments.launcher.gpus import query_gpus
from deployments.launcher.screen import LOG_FILE, Screen, captured
from sidecar.core.renamed_settings import old_names_in
from sidecar.core.settings import Settings

DRAIN_TIMEOUT_S = 15  # enough for a plan or a receipt; an open dashboard page never ends
STOP_TIMEOUT_S = 30


def main() -> int:
    """Run `python -m deployments.launcher`."""
    parser = argparse.ArgumentParser(prog="python -m deployments.launcher", description=__doc__)
    add_arguments(parser)
    arguments = parser.parse_args()
    return run(arguments.config, arguments.host)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what to run; the default configuration is the delivered one."""
    delivered = Path(str(files("deployments.launcher") / "data" / "serve_config.yaml"))
    parser.add_argument("config", nargs="?", type=Path, default=delivered)
    parser.add_argument("--host", help="overrides http_options.host; 0.0.0.0 in a container")


def run(file: Path, host: str | None = None) -> int:
    """Run the service; return 0 after a requested stop, 1 when it could not start."""
    try:
        config = load_config(file, host=host)
        if (problem := preflight.problem(config)) is not None:
            raise ConfigError(problem)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    # A duplicate: the descriptors themselves may be turned to the log.
    with open(os.dup(1), "w", encoding="utf-8") as output, contextlib.ExitStack() as until_end:  # noqa: PTH123
        if config.settings.log_output == "file":
            until_end.enter_context(captured(config.settings.log_dir, output))
        return _start(config, Screen(output))


def _start(config: LauncherConfig, screen: Screen) -> int:
    for old, new in old_names_in(os.environ).items():
        screen.say(f"{old} is now {new}; the old name is accepted for one more release.")
    found = query_gpus()
    hardware.remember(config, found)
    config, placement = hardware.fit(config, lambda: found)
    screen.say(f"Hardware: {placement.reason}.")
    if not placement.has_engine:
        screen.say("Chat responds with 503; everything else works.")
    # HAProxy's files and sockets; a socket's path must be short.
    scratch = Path(tempfile.mkdtemp(prefix="sidecar-"))
    try:
        return _run(config, scratch, screen)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(config: LauncherConfig, scratch: Path, screen: Screen) -> int:
    settings = config.settings
    uses_haproxy = settings.haproxy and haproxy.supports_host(config.host)
    os.environ |= ray_cluster.environment(settings)
    if uses_haproxy:
        os.environ |= haproxy.environment(scratch, config.max_requests_per_replica)
    os.environ.pop("RAY_ADDRESS", None)
    os.umask(0o077)  # what this service and Ray write is for its user alone
    stop_requested, stopping = threading.Event(), threading.Event()
    started = time.monotonic()
    try:
        screen.say("Starting Ray …")
        ray_cluster.start(settings)
        core = ray_cluster.core_processes()
        threading.Thread(target=_watch, args=(core, stopping, scratch, screen), daemon=True).start()
        _deploy(config.serve, screen)
        # After Ray's start, which installs handlers of its own.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: stop_requested.set())
        host = "127.0.0.1" if config.host == "0.0.0.0" else config.host
        url = f"http://{host}:{config.port}"
        problem = readiness.wait_until_ready(url, settings, stop_requested)
        if problem is not None:
            more = f" More is in {_log_path(settings)}." if settings.log_output == "file" else ""
            screen.say(problem + more)
            return 1
        if not stop_requested.is_set():
            screen.say(_greeting(url, settings, time.monotonic() - started))
        stop_requested.wait()
        return 0
    except KeyboardInterrupt:
        return 0
    finally:
        stopping.set()
        screen.say("Stopping …")
        if stop_requested.is_set():
            if uses_haproxy:
                haproxy.drain(scratch, DRAIN_TIMEOUT_S)
            else:
                _drain_ingress()
        _stop(scratch, screen)


def _watch(
    core: Sequence[psutil.Process], stopping: threading.Event, scratch: Path, screen: Screen
) -> None:
    """Kill this process and its children when one of Ray's core processes has died.

    Nothing works then, and a call to Ray in flight would block for minutes.
    """
    while not stopping.wait(1):
        if not all(map(_is_alive, core)):
            screen.say("Ray has died; the supervisor, if any, restarts the service.")
            _kill(psutil.Process().children(recursive=True))
            _kill(_processes_using(scratch))
            shutil.rmtree(scratch, ignore_errors=True)
            os._exit(1)


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _deploy(config: dict[str, Any], screen: Screen) -> None:
    # Imported after Ray's start, while its first workers come up.
    from ray import serve
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(config)
    screen.say("Deploying …")
    serve.start(
        proxy_location=schema.proxy_location,
        http_options=schema.http_options.model_dump(),
        logging_config=schema.logging_config,
    )
    ray_patches.deploy(schema)


def _greeting(url: str, settings: Settings, seconds: float) -> str:
    token = " -H 'Authorization: Bearer YOUR-TOKEN'" if settings.api_tokens else ""
    log = ""
    if settings.log_output == "file":
        log = f"  Log            {_log_path(settings)}\n"
    sample = Path(__file__).parents[2] / "samples" / "receipt.jpg"
    return f"""
Ready after {seconds:.0f} s. Ctrl-C stops it.

  API            {url}/api/v1
  Documentation  {url}/docs
  Health         {url}/health/ready
  Dashboard      {url}/dashboard
{log}
Read a receipt:

  base64 -w0 {os.path.relpath(sample)} | sed 's/.*/{{"payload": {{"image_base64": "&"}}}}/' \\
    | curl -s {url}/api/v1/extract-receipt -H 'Content-Type: application/json' \\
        -H 'X-Tenant-ID: demo'{token} -d @-
"""


def _log_path(settings: Settings) -> str:
    return os.path.relpath(settings.log_dir / LOG_FILE)


def _drain_ingress() -> None:
    """Make the ingress refuse requests, and wait at most 15 s until none is in flight."""
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException
    from ray.serve.handle import DeploymentHandle

    ingress: DeploymentHandle = DeploymentHandle(INGRESS, SERVICE)
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    with contextlib.suppress(RayError, RayServeException, TimeoutError):
        while sum(ingress.broadcast("drain").results(timeout_s=5)) and time.monotonic() < deadline:
            time.sleep(0.1)


def _stop(scratch: Path, screen: Screen) -> None:
    """Stop Serve and Ray, and kill their remaining processes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if "ray" not in sys.modules:
        return
    children = psutil.Process().children(recursive=True)
    ray_cluster.stop()
    _, alive = psutil.wait_procs(children, timeout=STOP_TIMEOUT_S)
    _kill(alive)
    # A HAProxy started by a reload in the meantime is no longer a child.
    _kill(_processes_using(scratch))
    screen.say("Stopped.")


def _processes_using(folder: Path) -> list[psutil.Process]:
    """Return the processes whose command line names a file in the folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or ())
    ]


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)
