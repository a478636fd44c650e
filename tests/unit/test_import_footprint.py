"""The processes that only pass work on carry none of what does it, and those that do it, when
somebody waits for them to start, nothing else.
"""

import subprocess
import sys

import pytest

HEAVY = {"z3", "highspy", "scipy", "pint", "cv2", "onnxruntime", "torch", "PIL"}
ELSEWHERE = {"ray.serve", "sqlalchemy", "alembic", "fastapi", "tokenizers"}


def brought(module: str, what: set[str]) -> list[str]:
    program = f"import sys, {module}; print(*sorted({what} & sys.modules.keys()))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return run.stdout.split()


@pytest.mark.parametrize(
    "module", ["deployments.ingress.app", "jobs.queue.worker", "jobs.tasks.registry"]
)
def test_importing_it_brings_no_solver_and_no_model_runtime(module: str) -> None:
    assert brought(module, HEAVY) == []


@pytest.mark.parametrize(
    "module", ["jobs.tasks.ray_tasks", "jobs.tasks.receipt", "jobs.tasks.meal_plan"]
)
def test_a_worker_brings_no_serving_and_no_database(module: str) -> None:
    assert brought(module, HEAVY | ELSEWHERE) == []
