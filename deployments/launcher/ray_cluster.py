"""Ray on this machine as this service needs it: on loopback, with a token, soon there, and at rest
when there is nothing to do.
"""

import logging
import secrets
from collections.abc import Mapping

import psutil

from deployments.launcher.ray_patches import tuned_start
from sidecar.core import tracing
from sidecar.core.settings import Settings

#: What an idle service costs is how often its processes look for something to do: seven of them are
#: Ray's own, and each replica is one more. Ray's choice stands behind each.
_POLLING_PERIODS = {
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # 0.1
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",  # 100, in each replica and for each handle
    "RAY_event_stats": "0",  # counts and times every one of these looks
    "RAY_raylet_report_resources_period_milliseconds": "1000",  # 100
    "RAY_object_manager_timer_freq_ms": "1000",  # 100
    "RAY_local_fs_monitor_interval_ms": "5000",  # 100
    "RAY_kill_idle_workers_interval_ms": "5000",  # 200
    "RAY_memory_monitor_refresh_ms": "1000",  # 250
    "RAY_task_events_report_interval_ms": "10000",  # 1000
    "RAY_gcs_pull_resource_loads_period_milliseconds": "10000",  # 1000
    "REPORTER_UPDATE_INTERVAL_MS": "30000",  # 5000; what Ray says of its own processes
    "METRICS_RECORD_INTERVAL_S": "30",  # 5; the same of its dashboard's
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",  # 1000; with fewer files, ten times a second
    "LOG_NAME_UPDATE_INTERVAL_S": "5",
}


def environment(settings: Settings) -> Mapping[str, str]:
    """What Ray reads from the environment once, when it is first imported. Makes the data folder
    and the token in it where there are none.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    token = settings.data_dir / "ray_auth_token"
    if not token.exists():
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Each line of the log as it was written: JSON, and alone of its kind.
        "RAY_DEDUP_LOGS": "0",
        "RAY_COLOR_PREFIX": "0",
        "RAY_DISABLE_WORKER_LOG_PREFIX": "1",
        # Misnamed: off, a node and its ports are on loopback alone, the metrics' port too.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Ray's own choice of 15 lets whatever else runs on the machine go before who waits for an
        # answer. What nobody waits for steps back by itself: jobs/tasks/ray_tasks.py.
        "RAY_worker_niceness": "0",
        # How many idle workers Ray keeps for good. Its own choice: as many as there are CPUs.
        "RAY_num_workers_soft_limit": str(settings.warm_workers),
        "RAY_idle_worker_killing_time_threshold_ms": str(round(1000 * settings.worker_idle_s)),
        # NumPy's products here take a millisecond; a second thread costs more in waiting for them.
        "OPENBLAS_NUM_THREADS": "1",
        # glibc would give each of a process's threads a heap of its own, up to 16 on two cores, and
        # what one has freed no other uses: a worker grew by 40 MB with each of many receipts.
        "MALLOC_ARENA_MAX": "2",
        # A replica that starts, or on a slow machine, takes longer than Ray's 0.1 s to say how long
        # its line is; the log would have a warning, and the caller would look for another.
        "RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S": "1",
        "RAY_preload_python_modules": "deployments.launcher.worker_preload",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.serving.proxy_errors:middlewares",
        "DASHBOARD_METRIC_PORT": "0",  # any: on its fixed port a second service goes without
        **_POLLING_PERIODS,
        **tracing.environment(settings),
    }


def start(settings: Settings) -> None:
    """Starts Ray. `environment` must be in place before Ray is imported anywhere."""
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


def core_processes() -> list[psutil.Process]:
    """Those without which nothing works and nothing comes back."""
    names = ("raylet", "gcs_server")
    return [child for child in psutil.Process().children() if child.name() in names]
