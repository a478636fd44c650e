"""What the operator sees: this service's own lines, and warnings of it; the rest goes to a file.

Ray, gRPC, vLLM and torch write notices to standard output and error, in this process, in its
children, and through Ray's forwarding of its workers' lines. With `captured` all that is JSON in
a rotated file, and the screen stays readable.
"""

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final, TextIO

LOG_FILE: Final = "service.log"
_MAX_BYTES: Final = 10 * 1024 * 1024
_OLD_FILES: Final = 5
_DRAIN_TIMEOUT_S: Final = 2.0
#: Seconds after which the operator is told again that the log can't be written.
_REMINDER_S: Final = 60.0
_OWN: Final = ("deployments", "jobs", "sidecar")
_SHOWN: Final = frozenset({"WARNING", "ERROR", "CRITICAL"})
#: What tells the operator which job or part a warning is about.
_CONTEXT: Final = ("feature", "job_id", "attempt", "code", "deployment", "error")
#: Ray Serve's are about retries and slow calls, which mend themselves; its errors are not.
_SHOWN_OF_SERVE: Final = frozenset({"ERROR", "CRITICAL"})


class Screen:
    """Writes lines for the operator."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


@contextlib.contextmanager
def captured(folder: Path, output: TextIO) -> Iterator[None]:
    """Within this context standard output and error go to `folder`, and warnings to `output`.

    `output` must not be one of the two: a duplicate of them, made before.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    screen = Screen(output)
    handler = _LogFile(folder / LOG_FILE, screen.say)
    read_end, write_end = os.pipe()
    saved = os.dup(1), os.dup(2)

    def copy() -> None:
        with open(read_end, encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            for line in lines:
                record, shown = describe(line.rstrip())
                if record:
                    handler.emit(logging.makeLogRecord({"msg": "%s", "args": (record,)}))
                if shown:
                    screen.say(shown)

    reader = threading.Thread(target=copy, name="log-writer", daemon=True)
    reader.start()
    for descriptor in (1, 2):
        os.dup2(write_end, descriptor)
    os.close(write_end)
    try:
        yield
    finally:
        for descriptor, original in zip((1, 2), saved, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        # A process that outlives this one may keep the pipe open.
        reader.join(_DRAIN_TIMEOUT_S)
        with contextlib.suppress(OSError):  # what could not be written is lost
            handler.close()


class _LogFile(RotatingFileHandler):
    """The rotated log. Lines that can't be written, as on a full disk, are lost."""

    def __init__(self, file: Path, say: Callable[[str], None]) -> None:
        super().__init__(file, maxBytes=_MAX_BYTES, backupCount=_OLD_FILES, encoding="utf-8")
        self.setFormatter(logging.Formatter("%(message)s"))
        self._say = say
        self._said_at = float("-inf")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Tell the operator: a traceback on standard error would come back as lines to write."""
        if time.monotonic() - self._said_at >= _REMINDER_S:
            self._said_at = time.monotonic()
            self._say(f"WARNING: the log can't be written: {sys.exception()}")


def describe(line: str) -> tuple[str, str | None]:
    """Return a line of output as one of JSON, and as the operator sees it, if at all."""
    entry = _parse(line)
    if entry is None:
        if not line.strip():
            return "", None
        entry = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "INFO",
            "logger": "output",
            "event": line,
        }
        return json.dumps(entry, ensure_ascii=False), None
    logger = str(entry.get("logger", ""))
    if logger.partition(".")[0] in _OWN:
        return line, _shown(entry, "event", entry.get("level"), _SHOWN)
    return line, _shown(entry, "message", entry.get("levelname"), _SHOWN_OF_SERVE)


def _shown(entry: dict[str, Any], text: str, level: object, levels: frozenset[str]) -> str | None:
    if level not in levels or not isinstance(entry.get(text), str):
        return None
    first_line = entry[text].strip().partition("\n")[0]
    if not first_line:
        return None
    context = ", ".join(f"{name} {entry[name]}" for name in _CONTEXT if entry.get(name))
    return f"{level}: {first_line} ({context})" if context else f"{level}: {first_line}"


def _parse(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
