"""The engine-core process gets the right environment and never outlives its replica."""

import multiprocessing
import multiprocessing.forkserver
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from sidecar.llm.vllm_process import EngineProcessContext, coarse_timers

REPOSITORY = Path(__file__).parents[4]
METHODS = ("forkserver", "spawn")

#: A replica with an engine core that sleeps; it prints the core's pid and waits to be killed.
REPLICA = """
import multiprocessing, sys, time
from sidecar.llm.vllm_process import EngineProcessContext

def core(seconds):
    print("up", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    context = EngineProcessContext(multiprocessing.get_context(sys.argv[1]))
    process = context.Process(target=core, name="core", kwargs={"seconds": 600})
    process.start()
    print(process.pid, flush=True)
    time.sleep(600)
"""


def send_environment(connection: Connection, name: str) -> None:
    slack = Path("/proc/self/timerslack_ns").read_text()
    connection.send((os.environ.get(name), os.environ.get("GONE"), slack.strip()))


@pytest.mark.parametrize("method", METHODS)
def test_a_process_has_the_current_environment_and_coarse_timers(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = EngineProcessContext(multiprocessing.get_context(method))
    with coarse_timers():
        monkeypatch.setenv("GONE", "of the server's start")
        multiprocessing.forkserver.ensure_running()
        monkeypatch.delenv("GONE")
        monkeypatch.setenv("LATER", "set since")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=send_environment, name="core", kwargs={"connection": theirs, "name": "LATER"}
        )
        process.start()
    assert ours.recv() == ("set since", None, "100000000")
    process.join()
    assert Path("/proc/self/timerslack_ns").read_text().strip() == "50000"


@pytest.mark.parametrize("method", METHODS)
def test_a_process_ends_when_its_replica_is_killed(method: str, tmp_path: Path) -> None:
    script = tmp_path / "replica.py"
    script.write_text(REPLICA)
    with subprocess.Popen(
        [sys.executable, str(script), method],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    ) as replica:
        assert replica.stdout is not None
        lines = {replica.stdout.readline().strip(), replica.stdout.readline().strip()}
        [pid] = lines - {"up"}
        core = psutil.Process(int(pid))
        replica.kill()
        psutil.wait_procs([core], timeout=10, callback=lambda _: lines.clear())
    assert not lines
