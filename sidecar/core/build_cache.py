"""Converts packaged models once, into a folder beside the installation."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from sidecar.core.errors import ModelUnavailable

#: Beside the installed packages, which may be read-only when the service runs.
INSTALL_DIR: Final = Path(sys.prefix) / "share" / "grocery-sidecar"
_TIMEOUT_S: Final = 600


def convert(name: str, module: str, *arguments: str) -> None:
    """Run `python -m module arguments` in its own process, which frees its gigabyte at the end.

    Raises ModelUnavailable with `name` and the process's last line of stderr when it fails.
    """
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if process.returncode != 0:
        reason = process.stderr.strip().rpartition("\n")[2]
        raise ModelUnavailable(f"{name} could not be converted: {reason}")
