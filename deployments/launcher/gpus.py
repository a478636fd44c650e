"""This machine's GPUs, as nvidia-smi describes them."""

import csv
import io
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

_FIELDS = "index,uuid,name,memory.total,memory.used,compute_cap"
_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU; `memory_mib` and `used_mib` are its total memory and what is in use."""

    index: int
    uuid: str
    name: str
    memory_mib: int
    used_mib: int = 0
    compute_capability: float = 8.0

    @property
    def memory_gib(self) -> float:
        return self.memory_mib / 1024


@dataclass(frozen=True)
class GpuQuery:
    """The usable GPUs, and a sentence when some or all of them can't be told."""

    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None


def query_gpus() -> GpuQuery:
    """Ask nvidia-smi; without it there are none. Doesn't raise."""
    command = ["nvidia-smi", f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        return GpuQuery()
    except (OSError, subprocess.TimeoutExpired):
        return GpuQuery(problem="nvidia-smi does not answer")
    if run.returncode != 0:
        lines = (run.stdout + run.stderr).strip().splitlines()
        return GpuQuery(problem=f"nvidia-smi failed ({lines[-1] if lines else run.returncode})")
    query = parse(run.stdout)
    return GpuQuery(visible(query.gpus, os.environ.get("CUDA_VISIBLE_DEVICES")), query.problem)


def parse(text: str) -> GpuQuery:
    """Return the GPUs of nvidia-smi's lines; one without a size (`[N/A]`) is left out and said."""
    gpus, unclear = [], []
    for row in csv.reader(io.StringIO(text), skipinitialspace=True):
        if not row:
            continue
        try:
            index, uuid, name, total, used, capability = row
            gpus.append(
                Gpu(
                    index=int(index),
                    uuid=uuid,
                    name=name.removeprefix("NVIDIA "),
                    memory_mib=int(total),
                    used_mib=int(used),
                    compute_capability=float(capability),
                )
            )
        except ValueError:
            unclear.append(row[2] if len(row) > 2 else ",".join(row))
    problem = f"nvidia-smi gives no memory of {', '.join(unclear)}" if unclear else None
    return GpuQuery(tuple(gpus), problem)


def visible(gpus: Iterable[Gpu], variable: str | None) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves: indices or UUIDs, up to an invalid one."""
    if variable is None:
        return tuple(gpus)
    by_name = {name: gpu for gpu in gpus for name in (str(gpu.index), gpu.uuid)}
    chosen = []
    for name in map(str.strip, variable.split(",")):
        if name not in by_name:
            break
        chosen.append(by_name[name])
    return tuple(chosen)
