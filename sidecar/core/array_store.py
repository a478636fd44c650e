"""Arrays that take seconds to make, in files beside the installation or in the data folder."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def load_arrays(name: str, folders: Sequence[Path]) -> Arrays | None:
    """Return the arrays of the first readable file `name`.npz, None without one."""
    for folder in folders:
        # numpy leaves a damaged file that it opened itself open.
        with (
            suppress(OSError, ValueError, EOFError, BadZipFile),
            (folder / f"{name}.npz").open("rb") as file,
            np.load(file, allow_pickle=False) as arrays,
        ):
            return dict(arrays)
    return None


def save_arrays(name: str, folders: Sequence[Path], arrays: Arrays) -> None:
    """Write the file in the first writable folder, if any; a damaged one is replaced.

    It is renamed into place atomically.
    """
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:  # none stays of a failed write
                temporary = Path(scratch) / name
                with temporary.open("wb") as file:
                    np.savez(file, allow_pickle=False, **arrays)
                temporary.chmod(0o644)  # the service may run as another user than its installer
                temporary.rename(folder / f"{name}.npz")
            return
