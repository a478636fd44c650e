"""Publishes the files of an ONNX graph, its large matrices apart.

ONNX Runtime maps a file of matrices into memory and copies a graph's own. So the processes of a
machine share the word vectors, of which a few texts touch few pages.
"""

from pathlib import Path
from typing import Final

import onnx

GRAPH: Final = "model.onnx"
_MATRICES: Final = "model.onnx.data"
#: Smaller ones are rearranged for multiplication, and so copied in any case.
_LARGE_BYTES: Final = 8 * 1024 * 1024


def set_matrices_apart(folder: Path) -> None:
    """Move the large matrices of the graph in `folder` into a file beside it."""
    graph = onnx.load(folder / GRAPH)
    onnx.save(
        graph,
        folder / GRAPH,
        save_as_external_data=True,
        location=_MATRICES,
        size_threshold=_LARGE_BYTES,
    )


def publish(built: Path, target: Path, *others: str) -> None:
    """Move the graph's files and the `others` to `target`, in this order.

    All can read them: the service may run as another user than its installer.
    """
    target.chmod(0o755)
    for name in (_MATRICES, GRAPH, *others):
        if (built / name).exists():
            (built / name).chmod(0o644)
            (built / name).rename(target / name)
