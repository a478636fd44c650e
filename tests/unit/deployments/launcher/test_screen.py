"""The screen shows what concerns the operator; the rest is JSON in a file."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from deployments.launcher.screen import LOG_FILE, describe

OWN = {"time": "2026-01-01T00:00:00Z", "level": "WARNING", "logger": "jobs.queue.worker"}
SERVE = {"levelname": "ERROR", "message": "Replica died.\nTraceback", "asctime": "x"}


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({**OWN, "event": "disk full"}, "WARNING: disk full"),
        (
            {**OWN, "event": "attempt failed", "job_id": "job_1", "code": "internal"},
            "WARNING: attempt failed (job_id job_1, code internal)",
        ),
        ({**OWN, "event": "request", "level": "INFO"}, None),
        (SERVE, "ERROR: Replica died."),
        ({**SERVE, "levelname": "WARNING"}, None),
        ({**OWN, "logger": "vllm.core", "event": "slow"}, None),
        ({**OWN, "event": None}, None),
    ],
)
def test_warnings_of_the_service_are_shown(entry: dict[str, str], shown: str | None) -> None:
    line = json.dumps(entry)
    assert describe(line) == (line, shown)


@pytest.mark.parametrize("line", ["WARNING: All log messages before …", "{not json", "[1]", '{"a'])
def test_what_others_print_is_wrapped_and_not_shown(line: str) -> None:
    record, shown = describe(line)
    assert shown is None
    assert json.loads(record)["event"] == line
    assert json.loads(record)["logger"] == "output"


def test_an_empty_line_is_dropped() -> None:
    assert describe("  ") == ("", None)


def run_captured(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a process whose output is captured in the folder while it runs `body`."""
    script = f"""
import os, subprocess, sys
from pathlib import Path
from deployments.launcher.screen import Screen, captured
with open(os.dup(1), "w") as output, captured(Path({str(folder)!r}), output):
{textwrap.indent(textwrap.dedent(body), "    ")}
print("after")
"""
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_output_of_this_process_and_its_children_goes_to_the_file(tmp_path: Path) -> None:
    run = run_captured(
        tmp_path,
        f"""
        Screen(output).say("Ready.")
        print("noise")
        os.write(2, b"native noise\\n")
        subprocess.run(["sh", "-c", "echo child noise >&2"], check=True)
        print('{json.dumps({**OWN, "event": "careful"})}', flush=True)
        """,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert sorted(run.stdout.splitlines()) == ["Ready.", "WARNING: careful", "after"]
    events = [json.loads(line)["event"] for line in (tmp_path / LOG_FILE).read_text().splitlines()]
    assert sorted(events) == ["careful", "child noise", "native noise", "noise"]


def test_a_log_on_a_full_disk_stops_nothing_and_is_said_once(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).symlink_to("/dev/full")
    # More than the pipe holds: it must be read on.
    run = run_captured(tmp_path, "print('noise\\n' * 100_000)")
    assert (run.returncode, run.stderr) == (0, "")
    warning, after = run.stdout.splitlines()
    assert warning.startswith("WARNING: the log can't be written:")
    assert "No space left on device" in warning
    assert after == "after"
