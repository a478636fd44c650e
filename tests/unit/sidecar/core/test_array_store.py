"""Files of arrays, also where they can't be written or read."""

import errno
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from sidecar.core.array_store import load_arrays, save_arrays

ARRAYS = {"vectors": np.arange(6).reshape(2, 3)}


def test_arrays_are_read_from_the_first_folder_that_has_them(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    assert load_arrays("x", folders) is None
    save_arrays("x", folders[1:], ARRAYS)
    loaded = load_arrays("x", folders)
    assert loaded is not None
    assert loaded["vectors"].tolist() == ARRAYS["vectors"].tolist()
    (tmp_path / "b" / "x.npz").write_bytes(b"damaged")
    assert load_arrays("x", folders) is None


def test_a_full_disk_leaves_no_part_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(file: BinaryIO, **_: object) -> None:
        file.write(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", fill)
    save_arrays("x", [tmp_path], ARRAYS)
    assert list(tmp_path.iterdir()) == []
