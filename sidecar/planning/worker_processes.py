"""Starts solver processes as forks of one that has imported the solvers, and talks to them.

A fork is ready in a fraction of the time of the imports, and shares their memory. The process that
forks never solves: libraries that have started threads can't be forked.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, Final, Self

from sidecar.core.errors import ServiceError

_MAX_LINE_BYTES: Final = 64 * 1024 * 1024
_START_TIMEOUT_S: Final = 60.0


class WorkerCrashed(Exception):
    """The worker ended without a response."""


class Worker:
    """A solver process and the socket to it."""

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.pid: Final = pid
        self._descriptor = os.pidfd_open(pid)  # a process id may be another's by the time of a kill
        self._reader = reader
        self._writer = writer
        self._killing: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, connection: socket.socket) -> Self:
        """Wait until the process at the other end is warm. Raises WorkerCrashed if it ends."""
        reader, writer = await asyncio.open_connection(sock=connection, limit=_MAX_LINE_BYTES)
        try:
            return cls((await _receive(reader))["pid"], reader, writer)
        except BaseException:
            writer.close()
            raise

    async def send(self, line: bytes) -> None:
        """Send a line. Raises WorkerCrashed when the process has ended."""
        try:
            self._writer.write(line + b"\n")
            await self._writer.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise WorkerCrashed from error

    async def receive(self) -> dict[str, Any]:
        """Return the next message. Raises WorkerCrashed when the process has ended."""
        return await _receive(self._reader)

    async def kill(self) -> None:
        """Kill the process and wait for its end."""
        if self._killing is None:
            self._killing = asyncio.create_task(self._kill())
        await asyncio.shield(self._killing)

    async def _kill(self) -> None:
        self._writer.close()
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._descriptor)
            os.close(self._descriptor)


class WorkerStarter:
    """Runs the process that forks the workers; starts it again when it has died."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def start_worker(self) -> Worker:
        """Fork a worker and wait until it is warm. Raises ServiceError if it doesn't start."""
        ours, theirs = socket.socketpair()
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                with theirs:
                    async with self._starting:
                        control = await self._running()
                    socket.send_fds(control, [b"f"], [theirs.fileno()])
                return await Worker.connect(ours)
        except (TimeoutError, WorkerCrashed, OSError) as error:
            ours.close()
            await self.close()
            raise ServiceError("A planner process did not start.") from error
        except BaseException:
            ours.close()
            raise

    async def close(self) -> None:
        """End the process that forks; its workers go on until they are killed."""
        process, self._process = self._process, None
        control, self._control = self._control, None
        if control is not None:
            control.close()
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _running(self) -> socket.socket:
        if self._control is not None and self._process and self._process.returncode is None:
            return self._control
        await self.close()
        ours, theirs = socket.socketpair()
        # The child imports from the same paths, and leaves the other cores to its siblings.
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._control = ours
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sidecar.planning.worker",
                str(self._memory_bytes),
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
            )
        return ours


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    try:
        line = await reader.readline()
    except ConnectionResetError as error:
        raise WorkerCrashed from error
    if not line.endswith(b"\n"):
        raise WorkerCrashed
    message: dict[str, Any] = json.loads(line)
    return message
