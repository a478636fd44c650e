"""Ray on one machine: on loopback, with a token, tuned for a fast start and a low idle load."""

import contextlib
import io
import logging
import secrets
from collections.abc import Mapping

import psutil

from deployments.launcher.ray_patches import session_folder, tuned_start
from sidecar.core import tracing
from sidecar.core.setting_groups import MiB
from sidecar.core.settings import Settings

#: Polling dominates the idle load: Ray itself has seven processes, and each replica adds one. The
#: comments give Ray's defaults.
_POLLING_PERIODS = {
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # 0.1
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",  # 100, in each replica and for each handle
    "RAY_event_stats": "0",  # on: counts and times every poll
    "RAY_raylet_report_resources_period_milliseconds": "1000",  # 100
    "RAY_object_manager_timer_freq_ms": "1000",  # 100
    "RAY_local_fs_monitor_interval_ms": "5000",  # 100
    "RAY_kill_idle_workers_interval_ms": "5000",  # 200
    "RAY_memory_monitor_refresh_ms": "1000",  # 250
    "RAY_task_events_report_interval_ms": "10000",  # 1000
    "RAY_gcs_pull_resource_loads_period_milliseconds": "10000",  # 1000
    "REPORTER_UPDATE_INTERVAL_MS": "30000",  # 5000; metrics of Ray's own processes
    "METRICS_RECORD_INTERVAL_S": "30",  # 5; metrics of its dashboard
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",  # 1000; below it, polls ten times a second
    "LOG_NAME_UPDATE_INTERVAL_S": "5",
}


def environment(settings: Settings) -> Mapping[str, str]:
    """Return the environment variables that Ray reads when it is first imported.

    Creates the data folder and Ray's token in it if they don't exist.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = settings.data_dir / "ray_auth_token"
    if not token.exists():
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Keeps the JSON log lines complete and without a prefix.
        "RAY_DEDUP_LOGS": "0",
        "RAY_COLOR_PREFIX": "0",
        "RAY_DISABLE_WORKER_LOG_PREFIX": "1",
        # Misnamed: 0 binds a node's ports, including the metrics', to loopback only.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # With Ray's default of 15, all else on the machine would take precedence over requests.
        # Jobs lower their own priority (jobs/tasks/ray_tasks.py).
        "RAY_worker_niceness": "0",
        # Idle workers that Ray never ends; by default one per CPU.
        "RAY_num_workers_soft_limit": str(settings.worker.warm),
        "RAY_idle_worker_killing_time_threshold_ms": str(
            round(1000 * settings.worker.idle_timeout_s)
        ),
        # NumPy's products take a millisecond here; synchronizing a second thread costs more.
        "OPENBLAS_NUM_THREADS": "1",
        # glibc gives threads up to 16 heaps on two cores, and no other thread reuses their memory:
        # a worker grew by 40 MB per receipt.
        "MALLOC_ARENA_MAX": "2",
        # A starting or slow replica needs more than Ray's 0.1 s to report its queue length. Ray
        # would log a warning and try another replica.
        "RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S": "1",
        # Calls between replicas: the largest body, pickled, or the answer to it (10 000 vectors);
        # by default 4 MiB.
        "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(
            min(2**31 - 1, 4 * settings.max_body_bytes + 64 * MiB)
        ),
        "RAY_preload_python_modules": "deployments.launcher.worker_preload",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.serving.proxy_errors:middlewares",
        "DASHBOARD_METRIC_PORT": "0",  # any: a second service couldn't bind the fixed port
        **_POLLING_PERIODS,
        **tracing.environment(settings),
    }


def start(settings: Settings) -> None:
    """Start Ray; `environment` must be set before anything imports Ray."""
    import ray

    with tuned_start(whole_dashboard=settings.ray_dashboard):
        ray.init(
            address="local",
            namespace="serve",
            _node_ip_address="127.0.0.1",
            dashboard_host="127.0.0.1",
            include_dashboard=True,
            _metrics_export_port=settings.metrics_port or None,
            logging_level=logging.WARNING,
        )
    # Ray opens its folder, with the sockets of its processes in it, to every user of the machine.
    session_folder().chmod(0o700)


def stop() -> None:
    import ray
    from ray import serve

    # Ray reports each process that it stops as a failure.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if ray.is_initialized():
            serve.shutdown()
            ray.shutdown()


def core_processes() -> list[psutil.Process]:
    """Return the processes without which nothing works or recovers."""
    names = ("raylet", "gcs_server")
    return [child for child in psutil.Process().children() if child.name() in names]
