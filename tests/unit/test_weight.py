"""The processes that only pass work on carry none of what does it."""

import subprocess
import sys

import pytest

HEAVY = {"z3", "highspy", "scipy", "pint", "cv2", "onnxruntime", "torch", "PIL"}


@pytest.mark.parametrize("module", ["deployments.ingress.app", "jobs.runner", "jobs.features"])
def test_importing_it_brings_no_solver_and_no_model_runtime(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({HEAVY} & sys.modules.keys()))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []
