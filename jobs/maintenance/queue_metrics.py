"""What Prometheus is told of the queue and the disk, looked at now and then."""

from collections.abc import Callable, Sequence
from datetime import datetime

from jobs.queue.admin_queries import Board
from jobs.queue.job import JobStatus
from jobs.storage.blobs import BlobStore
from sidecar.core.errors import DatabaseUnavailable, StorageUnavailable
from sidecar.core.metrics import Meter


async def record_gauges(
    meter: Meter,
    *,
    board: Board,
    blobs: BlobStore,
    features: Sequence[str],
    clock: Callable[[], datetime],
) -> None:
    """One look. What can't be read is left as it was, but for a disk that can't be written, which
    has no room.
    """
    try:
        meter.set("sidecar_disk_free_bytes", await blobs.free_bytes())
    except StorageUnavailable:
        meter.set("sidecar_disk_free_bytes", 0)
    try:
        waiting = await board.waiting(features)
        now = clock()
        due_since = await board.due_since(now)
        pruned = await board.last_pruning()
    except DatabaseUnavailable:
        meter.add("sidecar_database_errors")
        return
    for feature, waits in waiting.items():
        meter.set("sidecar_jobs", waits.queued, feature=feature, state=JobStatus.QUEUED)
        meter.set("sidecar_jobs", waits.running, feature=feature, state=JobStatus.RUNNING)
    if pruned is not None:
        for table in ("jobs", "artifacts", "feedback", "blobs"):
            meter.set("sidecar_pruned_rows", getattr(pruned, table), table=table)
    age = (now - due_since).total_seconds() if due_since else 0.0
    meter.set("sidecar_queue_age_seconds", age)
