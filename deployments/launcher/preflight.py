"""Checks before anything starts: what would fail minutes later, with a traceback, fails now."""

import shutil
import tempfile
from pathlib import Path

from deployments.launcher.config import LauncherConfig
from deployments.launcher.ports import is_taken

_LEAST_FREE_BYTES = 200 * 1024 * 1024  # a database, Ray's token, some images


def problem(config: LauncherConfig) -> str | None:
    """Return a sentence that says what keeps the service from starting; None if nothing does."""
    settings = config.settings
    if is_taken(config.host, config.port):
        return (
            f"{config.host}:{config.port} is in use, or no address of this machine; stop what runs "
            "there or change http_options in the configuration."
        )
    if settings.metrics_port and is_taken("127.0.0.1", settings.metrics_port):
        return (
            f"127.0.0.1:{settings.metrics_port} is in use; stop what runs there or set "
            "SIDECAR_METRICS_PORT to another port (0: any free one)."
        )
    if settings.image_dir is not None and not settings.image_dir.is_dir():
        return f"SIDECAR_IMAGE_DIR: {settings.image_dir} is no folder."
    return _folder_problem(settings.data_dir)


def _folder_problem(folder: Path) -> str | None:
    """Only a new service needs room: one that ran before can answer, and its retention makes it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_new = not any(folder.iterdir())
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return (
            f"SIDECAR_DATA_DIR: {folder} can't be written: {error.strerror or error}. It holds all "
            "state of the service."
        )
    if is_new and free < _LEAST_FREE_BYTES:
        return (
            f"SIDECAR_DATA_DIR: {folder} has {free // 2**20} MB of free space; that is too little."
        )
    return None
