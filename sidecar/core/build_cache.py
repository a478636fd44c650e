"""What is made of packaged models once: where it is kept, and the process that makes it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from sidecar.core.errors import ModelUnavailable

#: Beside the installed packages, which may be read-only when the service runs.
INSTALL_DIR: Final = Path(sys.prefix) / "share" / "grocery-sidecar"
_TIMEOUT_S: Final = 600


def convert(what: str, module: str, *arguments: str) -> None:
    """Makes `what` by `python -m module arguments`, a process whose gigabyte goes when it ends.

    Raises ModelUnavailable with the last thing that it said when it fails.
    """
    run = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if run.returncode != 0:
        reason = run.stderr.strip().rpartition("\n")[2]
        raise ModelUnavailable(f"{what} could not be converted: {reason}")
