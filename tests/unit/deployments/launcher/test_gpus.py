"""nvidia-smi's lines become GPUs; what can't be told is said."""

from pathlib import Path

import pytest

from deployments.launcher.gpus import Gpu, parse, query_gpus, visible

LINES = """0, GPU-aa, NVIDIA GeForce RTX 4090, 24564, 1203, 8.9
1, GPU-bb, NVIDIA GB10, [N/A], [N/A], 12.1
"""


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "nvidia-smi"


def write(script: Path, body: str) -> None:
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)


def test_a_gpu_is_described_and_one_without_a_size_is_named(nvidia_smi: Path) -> None:
    write(nvidia_smi, f"cat <<'END'\n{LINES}END")
    query = query_gpus()
    assert query.gpus == (
        Gpu(
            index=0,
            uuid="GPU-aa",
            name="GeForce RTX 4090",
            memory_mib=24564,
            used_mib=1203,
            compute_capability=8.9,
        ),
    )
    assert query.problem is not None
    assert "GB10" in query.problem


@pytest.mark.usefixtures("nvidia_smi")
def test_a_machine_without_nvidia_smi_has_none() -> None:
    assert query_gpus().gpus == ()
    assert query_gpus().problem is None


def test_a_driver_that_fails_is_said(nvidia_smi: Path) -> None:
    write(nvidia_smi, "echo 'NVIDIA-SMI has failed: no driver'; exit 9")
    query = query_gpus()
    assert (query.gpus, query.problem) == (
        (),
        "nvidia-smi failed (NVIDIA-SMI has failed: no driver)",
    )


@pytest.mark.parametrize("text", ["", "nonsense", "a, b, c, d, e, f", "0, GPU-aa, X, -, 1, 8.9"])
def test_lines_that_are_no_gpus_are_survived(text: str) -> None:
    assert parse(text).gpus == ()


def test_cuda_visible_devices_hides_gpus() -> None:
    gpus = [Gpu(index=n, uuid=f"GPU-{n}", name="x", memory_mib=8192) for n in range(3)]

    def chosen(variable: str | None) -> list[int]:
        return [gpu.index for gpu in visible(gpus, variable)]

    assert chosen(None) == [0, 1, 2]
    assert chosen("") == chosen("-1") == []
    assert chosen("2, GPU-0") == [2, 0]
    assert chosen("1,9,0") == [1]
