"""The imports of processes that only pass work on, and of those that a caller waits for."""

import subprocess
import sys

import pytest

HEAVY = {"z3", "highspy", "scipy", "pint", "cv2", "onnxruntime", "torch", "PIL"}
SERVING = {"ray.serve", "sqlalchemy", "alembic", "fastapi", "tokenizers"}


def imported(module: str, packages: set[str]) -> list[str]:
    """Return those of the packages that importing the module loads."""
    program = f"import sys, {module}; print(*sorted({packages} & sys.modules.keys()))"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return process.stdout.split()


@pytest.mark.parametrize(
    "module", ["deployments.ingress.app", "jobs.queue.worker", "jobs.tasks.registry"]
)
def test_the_ingress_and_the_worker_import_no_solver_and_no_model_runtime(module: str) -> None:
    assert imported(module, HEAVY) == []


@pytest.mark.parametrize(
    "module", ["jobs.tasks.ray_tasks", "jobs.tasks.receipt", "jobs.tasks.meal_plan"]
)
def test_a_worker_process_imports_no_serving_and_no_database(module: str) -> None:
    assert imported(module, HEAVY | SERVING) == []
