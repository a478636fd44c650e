"""The input of one attempt. It is imported into every worker process, so it imports little."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.core.metrics import NULL_METER, Meter
from sidecar.core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """All that an attempt needs, in whatever process of the cluster it runs."""

    tenant_id: str
    payload: Mapping[str, Any]  # the job's input_payload
    image: bytes | None  # the blob that the payload refers to
    settings: Settings
    traceparent: str | None = None
    meter: Meter = NULL_METER  # of the process that runs the attempt
