"""`python -m deployments.launcher`: the whole service on this machine, until it is told to stop.

Starts Ray on loopback with token authentication, deploys serve_config.yaml, waits until every part
is ready, says where things are, and stays. Ctrl-C or SIGTERM stops everything that was started and
leaves no process behind.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from deployments.launcher import haproxy, ray_cluster, ray_patches
from deployments.launcher.config import ENGINE, INGRESS, SERVICE, ConfigError, load_config
from deployments.launcher.ports import is_taken
from sidecar.core.settings import Settings

READY_TIMEOUT_S = 120
DRAIN_TIMEOUT_S = 15  # a plan or a receipt; an open page of the dashboard would never end
STOP_TIMEOUT_S = 30


def main() -> int:
    """The exit status: 0 when it was told to stop, 1 when it could not start."""
    parser = argparse.ArgumentParser(prog="python -m deployments.launcher", description=__doc__)
    parser.add_argument("config", nargs="?", type=Path, default=Path("serve_config.yaml"))
    parser.add_argument("--host", help="in place of http_options.host; 0.0.0.0 in a container")
    arguments = parser.parse_args()
    try:
        config = load_config(arguments.config, host=arguments.host)
    except ConfigError as error:
        return _refuse(str(error))
    host, port, settings = config.host, config.port, config.settings
    if is_taken(host, port):
        return _refuse(f"{host}:{port} is in use; stop what runs there or change the port.")
    fast = settings.fast_proxy and haproxy.supports_host(host)
    scratch = Path(tempfile.mkdtemp(prefix="sidecar-"))
    os.environ |= ray_cluster.environment(settings)
    if fast:
        os.environ |= haproxy.environment(scratch, config.max_requests_per_replica)
    os.environ.pop("RAY_ADDRESS", None)
    absent = (
        "turned off" if settings.engine == "off" else "" if find_spec("vllm") else "not installed"
    )
    if absent:
        _say(f"The engine is {absent}: chat answers 503; everything else works.")
        applications = config.serve["applications"]
        config.serve["applications"] = [one for one in applications if one["name"] != ENGINE]

    told_to_stop, stopping = threading.Event(), threading.Event()
    started = time.monotonic()
    try:
        _say("starting Ray …")
        ray_cluster.start(settings)
        core = ray_cluster.core_processes()
        threading.Thread(target=_watch, args=(core, stopping, scratch), daemon=True).start()
        _deploy(config.serve)
        # After Ray's start, which installs handlers of its own.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: told_to_stop.set())
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        problem = _wait_until_ready(url, settings, told_to_stop)
        if problem is not None:
            return _refuse(problem)
        if not told_to_stop.is_set():
            _say(_greeting(url, settings, time.monotonic() - started))
        told_to_stop.wait()
        return 0
    except KeyboardInterrupt:
        return 0
    finally:
        stopping.set()
        _say("stopping …")
        if told_to_stop.is_set():
            _drain(scratch if fast else None)
        _stop()
        shutil.rmtree(scratch, ignore_errors=True)


def _watch(core: Sequence[psutil.Process], stopping: threading.Event, scratch: Path) -> None:
    """Ends this process, and what it has started, when one of those has died: nothing works then,
    and a call to Ray that is under way would wait for minutes.
    """
    while not stopping.wait(1):
        if not all(map(_is_alive, core)):
            _refuse("Ray has died; whoever supervises this starts it again.")
            _kill(psutil.Process().children(recursive=True))
            shutil.rmtree(scratch, ignore_errors=True)
            os._exit(1)


def _deploy(config: dict[str, Any]) -> None:
    # Imported after Ray's start, while its first workers come up.
    from ray import serve
    from ray.serve.schema import ServeDeploySchema

    schema = ServeDeploySchema.model_validate(config)
    _say("deploying …")
    serve.start(
        proxy_location=schema.proxy_location,
        http_options=schema.http_options.model_dump(),
        logging_config=schema.logging_config,
    )
    ray_patches.deploy(schema)


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _wait_until_ready(url: str, settings: Settings, told_to_stop: threading.Event) -> str | None:
    """None when the service is ready (or nobody waits any more); else what keeps it from being."""
    from deployments.serving.status import serve_status

    # Without its token readiness doesn't say what is amiss.
    token = settings.api_tokens[0].get_secret_value() if settings.api_tokens else ""
    probe = urllib.request.Request(
        f"{url}/health/ready", headers={"Authorization": f"Bearer {token}"}
    )
    deadline = time.monotonic() + READY_TIMEOUT_S
    last = "the service does not answer"
    while not told_to_stop.wait(0.2):
        for name, application in serve_status().applications.items():
            if application.status == "DEPLOY_FAILED" and name != ENGINE:
                reason = application.message.strip().rpartition("\n")[2]
                return f"The application {name} could not be deployed: {reason}"
        try:
            with urllib.request.urlopen(probe, timeout=5) as answer:
                ready = json.load(answer)
        except (OSError, urllib.error.HTTPError):
            ready = {}
        if ready.get("status") == "ok":
            return None
        failing = {
            name: check["detail"]
            for name, check in ready.get("checks", {}).items()
            if check["status"] != "ok"
        }
        last = "; ".join(f"{name}: {detail}" for name, detail in failing.items()) or last
        if time.monotonic() > deadline:
            return f"Not ready after {READY_TIMEOUT_S} s: {last}"
    return None


def _greeting(url: str, settings: Settings, seconds: float) -> str:
    token = " -H 'Authorization: Bearer YOUR-TOKEN'" if settings.api_tokens else ""
    sample = Path(__file__).parents[2] / "samples" / "receipt.jpg"
    return f"""
Ready after {seconds:.0f} s. Ctrl-C stops it.

  API            {url}/api/v1
  Documentation  {url}/docs
  Health         {url}/health/ready
  Dashboard      {url}/dashboard

Read a receipt:

  base64 -w0 {os.path.relpath(sample)} | sed 's/.*/{{"payload": {{"image_base64": "&"}}}}/' \\
    | curl -s {url}/api/v1/extract-receipt -H 'Content-Type: application/json' \\
        -H 'X-Tenant-ID: demo'{token} -d @-
"""


def _drain(haproxy: Path | None) -> None:
    """Takes no more requests, and returns once those under way are answered, or after a while.
    `haproxy` is the folder of HAProxy's files; without it the ingress itself says 503.
    """
    if haproxy is not None:
        haproxy.drain(haproxy, DRAIN_TIMEOUT_S)
        return
    from ray.exceptions import RayError
    from ray.serve.exceptions import RayServeException
    from ray.serve.handle import DeploymentHandle

    ingress: DeploymentHandle = DeploymentHandle(INGRESS, SERVICE)
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    with contextlib.suppress(RayError, RayServeException, TimeoutError):
        while sum(ingress.broadcast("drain").results(timeout_s=5)) and time.monotonic() < deadline:
            time.sleep(0.1)


def _stop() -> None:
    """Stops Serve and Ray, and kills whatever process is left of them after a while."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if "ray" not in sys.modules:
        return
    import ray
    from ray import serve

    started = psutil.Process().children(recursive=True)
    # Ray tells of each process that it is told to end as if it had failed.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()
    _, left = psutil.wait_procs(started, timeout=STOP_TIMEOUT_S)
    _kill(left)
    _say("stopped.")


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def _refuse(problem: str) -> int:
    print(problem, file=sys.stderr)  # noqa: T201
    return 1


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
