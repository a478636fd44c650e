"""A retention service for tests."""

from datetime import timedelta

from jobs.maintenance.retention import RetentionService
from jobs.storage.blobs import BlobStore
from jobs.storage.database import Database
from tests.unit.conftest import Clock


def new_service(
    database: Database, blobs: BlobStore, clock: Clock, holder: str = "r1"
) -> RetentionService:
    """Return a service that deletes what is older than 30 days, three rows at a time, each hour."""
    return RetentionService(
        database,
        blobs,
        holder=holder,
        retention=timedelta(days=30),
        interval=timedelta(hours=1),
        batch_size=3,
        pause_s=0,
        clock=clock,
    )
