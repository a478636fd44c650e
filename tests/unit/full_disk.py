"""A disk that is full at its n-th write: fault injection below SQLite and below Python's files.

SQLite's Unix VFS lets tests replace its system calls (`xSetSystemCall`, sqlite.org/c3ref/vfs.html),
so its own code meets the failure, with everything that follows.
"""

import _sqlite3
import ctypes
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
_WRITE = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int64, use_errno=True)
_GET = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_SET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        ("integers", ctypes.c_int * 3),  # iVersion, szOsFile, mxPathname
        ("others", ctypes.c_void_p * 16),  # pNext to xCurrentTimeInt64
        ("set_system_call", _SET),
        ("get_system_call", _GET),
    )


class FullDisk:
    """Counts writes, and fails every one after the first `room` of them."""

    def __init__(self) -> None:
        self._room: int | None = None
        self.failures = 0

    @contextmanager
    def after(self, writes: int) -> Iterator[None]:
        """Let so many writes succeed, and no later one."""
        self._room, self.failures = writes, 0
        try:
            yield
        finally:
            self._room = None

    def takes_write(self) -> bool:
        """Return whether there is room for another write, and use it."""
        if self._room is None:
            return True
        if self._room > 0:
            self._room -= 1
            return True
        self.failures += 1
        return False

    def write(self) -> None:
        """Use room for a write. Raises OSError."""
        if not self.takes_write():
            raise _FULL


class _File(io.FileIO):
    """A file on a disk that may be full."""

    disk: FullDisk

    def write(self, data: Any, /) -> int:
        self.disk.write()
        return super().write(data)


@contextmanager
def fillable_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    """Put a disk that is full when a test says so below SQLite and the files of this process."""
    disk = FullDisk()

    def before(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            disk.write()
            return function(*arguments, **options)

        return call

    def fdopen(handle: int, mode: str) -> io.BufferedWriter:
        file = _File(handle, mode.replace("b", ""))
        file.disk = disk
        return io.BufferedWriter(file)

    def copy2(source: Path, target: Path) -> None:
        data = source.read_bytes()
        if not disk.takes_write():
            target.write_bytes(data[: len(data) // 2])
            raise _FULL
        target.write_bytes(data)

    monkeypatch.setattr(os, "fsync", before(os.fsync))
    monkeypatch.setattr(os, "fdopen", fdopen)
    monkeypatch.setattr(shutil, "copy2", copy2)
    monkeypatch.setattr(tempfile, "mkstemp", before(tempfile.mkstemp))
    for name in ("mkdir", "rename", "touch"):
        monkeypatch.setattr(Path, name, before(getattr(Path, name)))
    with _below_sqlite(disk):
        yield disk


@contextmanager
def _below_sqlite(disk: FullDisk) -> Iterator[None]:
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.c_void_p
    address = library.sqlite3_vfs_find(b"unix")
    vfs = _Vfs.from_address(address)
    replaced: list[tuple[bytes, Any]] = []

    def replace(name: bytes, prototype: Any) -> None:
        found = vfs.get_system_call(address, name)
        if found is None:  # not used on this platform
            return
        original = prototype(found)

        def call(*arguments: Any) -> int:
            if disk.takes_write():
                return int(original(*arguments))
            ctypes.set_errno(errno.ENOSPC)
            return -1

        replacement = prototype(call)
        replaced.append((name, replacement))
        assert vfs.set_system_call(address, name, ctypes.cast(replacement, ctypes.c_void_p)) == 0

    replace(b"pwrite", _WRITE)
    replace(b"pwrite64", _WRITE)
    replace(b"ftruncate", _TRUNCATE)
    try:
        yield
    finally:
        for name, _ in replaced:
            vfs.set_system_call(address, name, None)
