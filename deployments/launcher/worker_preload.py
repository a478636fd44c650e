"""Ray's worker preload hook, imported by each worker process before its first task.

Workers prestarted with the raylet become Serve replicas, so they import Ray Serve early. Workers
started later run jobs and must start fast, so they don't.
"""

import os

import psutil

#: Seconds after the raylet's start within which it has started its first workers.
_PRESTART_S = 3.0

_own, _raylet = psutil.Process(), psutil.Process(os.getppid())
if _own.create_time() - _raylet.create_time() < _PRESTART_S:
    import ray.serve  # noqa: F401
