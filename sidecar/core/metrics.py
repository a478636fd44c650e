"""Every metric instrument, and the meter through which the code records.

Ray Serve itself measures the latency of each deployment
(ray_serve_deployment_processing_latency_ms); the instruments here cover the rest. Ray prefixes
the names with `ray_` and appends `_total` to those of counters.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, Protocol

#: Upper bounds of duration buckets, in seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True)
class Instrument:
    kind: Literal["counter", "gauge", "histogram"]
    description: str
    tags: tuple[str, ...] = ()
    buckets: Sequence[float] = ()  # upper bounds, of a histogram


INSTRUMENTS: Mapping[str, Instrument] = {
    "sidecar_requests": Instrument(
        "counter", "HTTP requests that were answered.", ("method", "path", "status")
    ),
    "sidecar_errors": Instrument("counter", "HTTP error responses.", ("path", "code")),
    "sidecar_request_seconds": Instrument(
        "histogram", "Time to the end of the response.", ("path",), _SECONDS
    ),
    "sidecar_jobs": Instrument("gauge", "Queued and running jobs.", ("feature", "state")),
    "sidecar_queue_paused": Instrument(
        "gauge", "1 while no jobs of the feature are started.", ("feature",)
    ),
    "sidecar_queue_age_seconds": Instrument(
        "gauge", "Time since the longest-waiting job became due."
    ),
    "sidecar_pruned_rows": Instrument(
        "gauge", "Rows that the last retention run has deleted so far.", ("table",)
    ),
    "sidecar_disk_free_bytes": Instrument("gauge", "Free space on the disk of the data folder."),
    "sidecar_attempts": Instrument(
        "counter", "Attempts at jobs that ended; the code of a successful one is ok.",
        ("feature", "code"),
    ),
    "sidecar_attempt_seconds": Instrument(
        "histogram", "Duration of an attempt.", ("feature",), _SECONDS
    ),
    "sidecar_rescues": Instrument("counter", "Jobs reclaimed because their lease expired."),
    "sidecar_database_errors": Instrument(
        "counter", "Times that the job runner could not reach the database."
    ),
    "sidecar_receipt_stage_seconds": Instrument(
        "histogram", "Time that a receipt spends in a stage of the reader.", ("stage",), _SECONDS
    ),
    "sidecar_batch_texts": Instrument(
        "histogram", "Texts, of one call or several, in one batch of a model.",
        ("model",), (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    ),
    "sidecar_batch_seconds": Instrument(
        "histogram", "Time that a model took for a batch.", ("model",), _SECONDS
    ),
    "sidecar_tokens": Instrument(
        "counter", "Tokens of chats; the kind is read or written.", ("kind",)
    ),
    "sidecar_cache_lookups": Instrument(
        "counter", "Texts that were looked up in a cache of vectors.", ("cache", "outcome")
    ),
}  # fmt: skip


class Meter(Protocol):
    """Records by the names of INSTRUMENTS, with all of the instrument's tags. Never raises."""

    def add(self, name: str, value: float = 1, /, **tags: str) -> None:
        """Add to a counter."""

    def set(self, name: str, value: float, /, **tags: str) -> None:
        """Set a gauge."""

    def observe(self, name: str, value: float, /, **tags: str) -> None:
        """Add a value to a histogram."""


class _NullMeter:
    def add(self, name: str, value: float = 1, /, **tags: str) -> None: ...

    def set(self, name: str, value: float, /, **tags: str) -> None: ...

    def observe(self, name: str, value: float, /, **tags: str) -> None: ...


NULL_METER: Final[Meter] = _NullMeter()


@contextmanager
def observe_batch(meter: Meter, model: str, texts: int) -> Iterator[None]:
    """Record the size and duration of a batch, unless the block raises."""
    started = time.perf_counter()
    yield
    meter.observe("sidecar_batch_texts", texts, model=model)
    meter.observe("sidecar_batch_seconds", time.perf_counter() - started, model=model)
