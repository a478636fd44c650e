"""What Ray has a worker import before it knows what the worker is to be: Ray Serve, in those that
it starts with itself, which become replicas. A later one works at jobs, and somebody waits for it.
"""

import os

import psutil

#: Seconds after the raylet within which it has started its first workers.
_AT_ONCE_S = 3.0

_own, _raylet = psutil.Process(), psutil.Process(os.getppid())
if _own.create_time() - _raylet.create_time() < _AT_ONCE_S:
    import ray.serve  # noqa: F401
