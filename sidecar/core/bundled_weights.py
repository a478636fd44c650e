"""Compares the weights inside installed packages with bundled_weights.toml.

`python -m sidecar.core.bundled_weights` at installation: exit status 1 and a sentence for a file
that is another one. Packages that are not installed are passed over.
"""

import hashlib
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

_TABLE = Path(__file__).parent / "data" / "bundled_weights.toml"

File = Mapping[str, str]
"""package, path in it, sha256 and origin."""


def files() -> Sequence[File]:
    """Return the files that are compared."""
    table: Sequence[File] = tomllib.loads(_TABLE.read_text())["file"]
    return table


def package_folder(package: str) -> Path | None:
    """Return the folder of an installed package, without importing it; None if there is none."""
    spec = find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def find_changes(
    table: Sequence[File], folder_of: Callable[[str], Path | None] = package_folder
) -> Iterator[str]:
    """Yield a sentence for each file that is missing in its package or another one."""
    for file in table:
        folder = folder_of(file["package"])
        if folder is None:
            continue
        path = folder / file["path"]
        if not path.is_file():
            yield f"{path} is missing."
            continue
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != file["sha256"]:
            yield (
                f"{path} has the SHA-256 {digest}; expected is {file['sha256']} "
                f"({file['origin']}). It may have been tampered with."
            )


if __name__ == "__main__":
    sys.exit("\n".join(find_changes(files())) or 0)
