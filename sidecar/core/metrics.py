"""What is measured: every instrument once, and the seam through which the code records.

Ray Serve measures by itself how long each deployment takes over a call
(ray_serve_deployment_processing_latency_ms); what it can't know is here. Ray puts `ray_` in front
of the names, and `_total` behind those of counters.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

#: Upper ends of the buckets of durations, in seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True)
class Instrument:
    """One thing that is measured."""

    kind: Literal["counter", "gauge", "histogram"]
    description: str
    tags: tuple[str, ...] = ()
    buckets: Sequence[float] = ()  # upper ends, of a histogram


INSTRUMENTS: Mapping[str, Instrument] = {
    "sidecar_requests": Instrument(
        "counter", "HTTP requests that were answered.", ("method", "path", "status")
    ),
    "sidecar_errors": Instrument("counter", "HTTP answers that were errors.", ("path", "code")),
    "sidecar_request_seconds": Instrument(
        "histogram", "Time to the end of the answer.", ("path",), _SECONDS
    ),
    "sidecar_jobs": Instrument("gauge", "Jobs that wait or run.", ("feature", "state")),
    "sidecar_queue_age_seconds": Instrument(
        "gauge", "How long the job has been due that was due first."
    ),
    "sidecar_pruned_rows": Instrument(
        "gauge", "Rows that the last pruning has taken so far.", ("table",)
    ),
    "sidecar_disk_free_bytes": Instrument("gauge", "Room on the disk of the data folder."),
    "sidecar_attempts": Instrument(
        "counter", "Attempts at jobs that ended; the code of one that succeeded is ok.",
        ("feature", "code"),
    ),
    "sidecar_attempt_seconds": Instrument(
        "histogram", "Duration of an attempt.", ("feature",), _SECONDS
    ),
    "sidecar_rescues": Instrument("counter", "Jobs taken back because their lease ran out."),
    "sidecar_database_errors": Instrument(
        "counter", "Times that the job runner found no database."
    ),
    "sidecar_receipt_stage_seconds": Instrument(
        "histogram", "Time that a receipt spends in a stage of the reader.", ("stage",), _SECONDS
    ),
    "sidecar_batch_texts": Instrument(
        "histogram", "Texts, of one call or several, that went into a model together.",
        ("model",), (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    ),
    "sidecar_batch_seconds": Instrument(
        "histogram", "Time that a model took over such a batch.", ("model",), _SECONDS
    ),
    "sidecar_cache_lookups": Instrument(
        "counter", "Texts that were looked up in a cache of vectors.", ("cache", "outcome")
    ),
}  # fmt: skip


class Meter(Protocol):
    """Records by the names of INSTRUMENTS, with all of the instrument's tags. Never raises."""

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        """Counts up."""

    def set(self, name: str, value: float, /, **tags: str) -> None:
        """Sets a gauge."""

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        """Adds a value to a histogram."""


class _NullMeter:
    """The meter where nobody looks."""

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        """Nothing."""

    def set(self, name: str, value: float, /, **tags: str) -> None:
        """Nothing."""

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        """Nothing."""


NULL_METER: Final[Meter] = _NullMeter()


@contextmanager
def observe_batch(meter: Meter, model: str, texts: int) -> Iterator[None]:
    """While a model works on a batch of so many texts."""
    began = time.perf_counter()
    yield
    meter.observe("sidecar_batch_texts", texts, model=model)
    meter.observe("sidecar_batch_seconds", time.perf_counter() - began, model=model)
