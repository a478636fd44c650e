"""Prometheus gauges of the queue, of retention and of the disk."""

from collections.abc import Callable, Sequence
from datetime import datetime

from jobs.maintenance.retention import RetentionService
from jobs.queue.admin_queries import AdminQueries
from jobs.queue.job import JobStatus
from jobs.queue.queue import JobQueue
from jobs.storage.blobs import BlobStore
from sidecar.core.errors import DatabaseUnavailable, StorageUnavailable
from sidecar.core.metrics import Meter


async def record_queue_metrics(
    meter: Meter,
    *,
    queries: AdminQueries,
    queue: JobQueue,
    retention: RetentionService,
    blobs: BlobStore,
    features: Sequence[str],
    clock: Callable[[], datetime],
) -> None:
    """Measure once and set the gauges.

    A gauge that can't be measured keeps its value; a disk that can't be written counts as full.
    """
    try:
        meter.set("sidecar_disk_free_bytes", await blobs.free_bytes())
    except StorageUnavailable:
        meter.set("sidecar_disk_free_bytes", 0)
    try:
        depths = await queries.queue_depths(features)
        now = clock()
        pauses = await queue.pauses()
        oldest_due_at = await queries.oldest_due_at(now)
        last_run = await retention.last_run()
    except DatabaseUnavailable:
        meter.add("sidecar_database_errors")
        return
    for feature, depth in depths.items():
        meter.set("sidecar_jobs", depth.queued, feature=feature, state=JobStatus.QUEUED)
        meter.set("sidecar_jobs", depth.running, feature=feature, state=JobStatus.RUNNING)
        meter.set("sidecar_queue_paused", feature in pauses, feature=feature)
    if last_run is not None:
        for table in ("jobs", "artifacts", "feedback", "blobs"):
            meter.set("sidecar_pruned_rows", getattr(last_run, table), table=table)
    age = (now - oldest_due_at).total_seconds() if oldest_due_at else 0.0
    meter.set("sidecar_queue_age_seconds", age)
