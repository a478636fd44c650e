"""Compiling the Elixir client, and running commands with it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.acceptance.service import REPOSITORY

CLIENT = REPOSITORY / "clients" / "elixir"

#: Optional packages come from Hex, which a machine without Internet doesn't reach.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "GROCERY_SIDECAR_DEPS": "none", "MIX_ENV": "test"}


def compile_client(build: Path) -> Path:
    """Compile the client and its tests' support; return the folder of its modules."""
    run(["mix", "compile", "--warnings-as-errors"], {"MIX_BUILD_PATH": str(build)}, cwd=CLIENT)
    return build / "lib" / "grocery_sidecar" / "ebin"


def run(
    command: list[str], environment: Mapping[str, str] | None = None, *, cwd: Path | None = None
) -> str:
    """Run a command that must succeed; return its output."""
    process = subprocess.run(
        command,
        env={**os.environ, **_ENVIRONMENT, **(environment or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout
